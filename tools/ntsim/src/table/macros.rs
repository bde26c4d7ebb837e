//! The macro that makes exports from rows.

/// Declares routines, one row each:
///
/// ```text
/// routines! { "ntoskrnl.exe";
///     fn KeSetEvent(event: *mut KEVENT, increment: i32, wait: BOOLEAN) -> i32 = set_event: PASSIVE..=DISPATCH;
///     fn ExAllocatePool2(flags: u64, size: usize, tag: u32) -> PVOID = allocate2: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
///     fn ExWaitForRundownProtectionRelease(run: *mut EX_RUNDOWN_REF) = wait: PASSIVE..=APC, blocks;
///     variadic DbgPrint(arguments: Arguments) -> u32 = dbg_print: PASSIVE..=HIGH;
///     raising ProbeForRead(address: usize, length: usize, alignment: u32) = probe_read: PASSIVE..=APC;
///     asm __chkstk = chkstk;
///     data KdDebuggerEnabled = debugger_enabled;
/// }
/// ```
/// `fn` and `variadic`: the path after `=` is an `unsafe fn` with these argument types (Rust ABI).
/// `raising`: as `fn`, for a routine of at most four arguments that may raise an exception into its
/// caller (see [`crate::seh`]); its body must own nothing when it raises or touches driver memory, and
/// its arguments have 32 or 64 bits (the caller leaves the upper bits of shorter ones undefined).
/// A variadic one gets its argument words through [`crate::table::Arguments`].
/// `asm`: the path is the `extern "win64"` function itself, bound unchecked.
/// `data`: the path is a `fn() -> *const u8` that gives the variable's address.
/// IRQL names: PASSIVE, APC, DISPATCH, HIGH. `fails(e, ..)`: what a call answers that the fault
/// injector fails, in every way that the real routine can fail for lack of resources; an expression may
/// use the arguments, as after `out = `. `local`: nobody else sees what it does, so its return
/// is no switch point of a seeded machine beside the call.
///
/// The result is `pub static ROWS: &[&Row]`; a family's `TABLES` lists them, `table::registry`
/// lists the families.
#[macro_export]
macro_rules! routines {
    ($module:literal; $($kind:tt $name:ident $(($($arg:ident: $ty:ty),* $(,)?))? $(-> $ret:ty)? = $body:path
        $(: $min:ident ..= $max:ident)? $(, $attr:ident $(($($fail:expr),+))?)*;)*) => {
        /// The rows of this file.
        #[allow(dead_code, reason = "functions behind dispatch tables are in no list")]
        pub static ROWS: &[&$crate::table::Row] = &[$(&$name::ROW),*];
        $(
            #[doc(hidden)]
            #[allow(non_snake_case, unused_imports, missing_docs, clippy::undocumented_unsafe_blocks, clippy::let_unit_value)]
            pub mod $name {
                use super::*;
                $crate::routines!(@entry $kind $body, ($($($arg: $ty),*)?), ($($ret)?), ($($attr $(($($fail),+))?)*));
                pub static ROW: $crate::table::Row = $crate::table::Row {
                    module: $module,
                    name: stringify!($name),
                    min_irql: $crate::routines!(@irql 0 $($min)?),
                    max_irql: $crate::routines!(@irql 15 $($max)?),
                    blocks: false $(|| $crate::routines!(@is_blocks $attr))*,
                    failures: &[$($($(stringify!($fail),)+)?)*],
                    raises: $crate::routines!(@raises $kind),
                    local: false $(|| $crate::routines!(@is_local $attr))*,
                    target: $crate::routines!(@target $kind $body),
                };
            }
        )*
    };

    (@irql $default:literal) => { $default };
    (@irql $default:literal PASSIVE) => { 0 };
    (@irql $default:literal APC) => { 1 };
    (@irql $default:literal DISPATCH) => { 2 };
    (@irql $default:literal HIGH) => { 15 };

    (@is_blocks blocks) => { true };
    (@is_blocks $other:ident) => { false };
    (@is_local local) => { true };
    (@is_local $other:ident) => { false };

    (@raises raising) => { true };
    (@raises $kind:tt) => { false };

    (@target raising $body:path) => { $crate::table::Target::Code(entry) };
    (@target fn $body:path) => { $crate::table::Target::Code(entry) };
    (@target variadic $body:path) => { $crate::table::Target::Code(entry) };
    (@target asm $body:path) => { $crate::table::Target::Code($body) };
    (@target data $body:path) => { $crate::table::Target::Data($body) };

    (@entry asm $body:path, $args:tt, $ret:tt, $attrs:tt) => {};
    (@entry data $body:path, $args:tt, $ret:tt, $attrs:tt) => {};

    (@entry fn $body:path, ($($arg:ident: $ty:ty),*), ($($ret:ty)?), ($($attr:ident $(($($fail:expr),+))?)*)) => {
        /// Stores where the driver came from, then goes on to `checked` with all registers as they are.
        #[unsafe(naked)]
        pub unsafe extern "win64" fn entry() {
            ::std::arch::naked_asm!(
                "mov r11, qword ptr [rip + ntsim_thread_context@GOTTPOFF]",
                "mov qword ptr fs:[r11], rsp",
                "mov qword ptr fs:[r11 + 8], rbp",
                "jmp {checked}",
                checked = sym checked,
            )
        }
        /// The routine with its checks, for callers inside ntsim.
        #[allow(private_interfaces, reason = "structures that only this routine reads")]
        pub unsafe extern "win64" fn checked($($arg: $ty),*) $(-> $ret)? {
            $crate::table::enter(&ROW);
            $($crate::routines!(@attr $attr $(($($fail),+))?);)*
            let result = unsafe { $body($($arg),*) };
            $crate::table::leave(&ROW);
            result
        }
    };

    (@entry raising $body:path, ($($arg:ident: $ty:ty),*), ($($ret:ty)?), ($($attr:ident)*)) => {
        /// Stores where the driver came from and the registers that it relies on
        /// ([`crate::seh::AtEntry`]), so that an exception can go on in its frame.
        #[unsafe(naked)]
        pub unsafe extern "win64" fn entry() {
            ::std::arch::naked_asm!(
                "mov r11, qword ptr [rip + ntsim_thread_context@GOTTPOFF]",
                "mov qword ptr fs:[r11], rsp",
                "mov qword ptr fs:[r11 + 8], rbp",
                "sub rsp, 0x108",
                "mov qword ptr [rsp + 0x20], rbx",
                "mov qword ptr [rsp + 0x28], rbp",
                "mov qword ptr [rsp + 0x30], rsi",
                "mov qword ptr [rsp + 0x38], rdi",
                "mov qword ptr [rsp + 0x40], r12",
                "mov qword ptr [rsp + 0x48], r13",
                "mov qword ptr [rsp + 0x50], r14",
                "mov qword ptr [rsp + 0x58], r15",
                "movaps xmmword ptr [rsp + 0x60], xmm6",
                "movaps xmmword ptr [rsp + 0x70], xmm7",
                "movaps xmmword ptr [rsp + 0x80], xmm8",
                "movaps xmmword ptr [rsp + 0x90], xmm9",
                "movaps xmmword ptr [rsp + 0xa0], xmm10",
                "movaps xmmword ptr [rsp + 0xb0], xmm11",
                "movaps xmmword ptr [rsp + 0xc0], xmm12",
                "movaps xmmword ptr [rsp + 0xd0], xmm13",
                "movaps xmmword ptr [rsp + 0xe0], xmm14",
                "movaps xmmword ptr [rsp + 0xf0], xmm15",
                "mov rdi, rcx",
                "mov rsi, rdx",
                "mov rdx, r8",
                "mov rcx, r9",
                "call {checked}",
                "mov rsi, qword ptr [rsp + 0x30]",
                "mov rdi, qword ptr [rsp + 0x38]",
                "movaps xmm6, xmmword ptr [rsp + 0x60]",
                "movaps xmm7, xmmword ptr [rsp + 0x70]",
                "movaps xmm8, xmmword ptr [rsp + 0x80]",
                "movaps xmm9, xmmword ptr [rsp + 0x90]",
                "movaps xmm10, xmmword ptr [rsp + 0xa0]",
                "movaps xmm11, xmmword ptr [rsp + 0xb0]",
                "movaps xmm12, xmmword ptr [rsp + 0xc0]",
                "movaps xmm13, xmmword ptr [rsp + 0xd0]",
                "movaps xmm14, xmmword ptr [rsp + 0xe0]",
                "movaps xmm15, xmmword ptr [rsp + 0xf0]",
                "add rsp, 0x108",
                "ret",
                checked = sym checked,
            )
        }
        /// The routine with its checks. The entry has kept the registers that the conventions
        /// differ in, so nothing is saved twice.
        unsafe extern "sysv64" fn checked($($arg: $ty),*) $(-> $ret)? {
            $crate::table::enter(&ROW);
            let result = unsafe { $body($($arg),*) };
            $crate::table::leave(&ROW);
            result
        }
    };

    (@entry variadic $body:path, ($arg:ident: $ty:ty), ($($ret:ty)?), ($($attr:ident $(($($fail:expr),+))?)*)) => {
        /// As above; spills the register arguments into their home slots, where the others follow.
        #[unsafe(naked)]
        pub unsafe extern "win64" fn entry() {
            ::std::arch::naked_asm!(
                "mov r11, qword ptr [rip + ntsim_thread_context@GOTTPOFF]",
                "mov qword ptr fs:[r11], rsp",
                "mov qword ptr fs:[r11 + 8], rbp",
                "mov qword ptr [rsp + 8], rcx",
                "mov qword ptr [rsp + 16], rdx",
                "mov qword ptr [rsp + 24], r8",
                "mov qword ptr [rsp + 32], r9",
                "lea rcx, [rsp + 8]",
                "jmp {checked}",
                checked = sym checked,
            )
        }
        unsafe extern "win64" fn checked(words: *const u64) $(-> $ret)? {
            $crate::table::enter(&ROW);
            let $arg: $ty = unsafe { $crate::table::Arguments::new(words) };
            let result = unsafe { $body($arg) };
            $crate::table::leave(&ROW);
            result
        }
    };

    (@attr blocks) => {};
    (@attr local) => {};
    (@attr fails($($fail:expr),+)) => {
        if let Some(choice) = $crate::table::shall_fail(&ROW) {
            let mut left = choice;
            $(
                if left == 0 {
                    $crate::table::leave(&ROW);
                    return $fail;
                }
                left -= 1;
            )+
            let _ = left;
        }
    };
}

/// Reads the arguments of a variadic call, or a `va_list`: both are an array of 8-byte words.
#[derive(Debug, Clone, Copy)]
pub struct Arguments {
    next: *const u64,
}

impl Arguments {
    /// Starts at `words`.
    ///
    /// # Safety
    /// `words` must point at as many argument words as will be taken.
    pub unsafe fn new(words: *const u64) -> Self {
        Self { next: words }
    }

    /// The next word.
    ///
    /// # Safety
    /// The caller must have passed one.
    pub unsafe fn word(&mut self) -> u64 {
        // SAFETY: by contract there is one more word.
        let word = unsafe { self.next.read_unaligned() };
        self.next = self.next.wrapping_add(1);
        word
    }

    /// The next word as a pointer.
    ///
    /// # Safety
    /// As for [`Self::word`].
    pub unsafe fn pointer<T>(&mut self) -> *const T {
        // SAFETY: by contract.
        unsafe { self.word() as usize as *const T }
    }

    /// The words not yet taken, as a `va_list`.
    pub fn rest(&self) -> *const u64 {
        self.next
    }
}
