//! Links a kernel driver: with the Windows Driver Kit, or on other hosts with `tools/cross`.

fn main() -> Result<(), wdk_build::ConfigError> {
    wdk_build::configure_wdk_binary_build()
}
