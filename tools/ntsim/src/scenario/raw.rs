//! The scenario file as TOML has it, before names and numbers are checked.
//!
//! What the later checks may complain about is [`Spanned`], so that the complaint finds its line.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    #[serde(default)]
    pub scenario: Settings,
    #[serde(default)]
    pub driver: Vec<Driver>,
    #[serde(default)]
    pub adapter: Vec<Adapter>,
    #[serde(default)]
    pub step: Vec<Spanned<Step>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Settings {
    #[serde(default)]
    pub description: String,
    pub time_limit_ms: Option<Spanned<u64>>,
    pub processors: Option<Spanned<u32>>,
    pub seed: Option<u64>,
    pub strategy: Option<Spanned<String>>,
    pub faults: Option<Spanned<String>>,
    #[serde(default)]
    pub fault_drivers: Vec<Spanned<String>>,
    #[serde(default)]
    pub fault_routines: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Driver {
    pub name: Option<Spanned<String>>,
    pub path: Spanned<String>,
    #[serde(default)]
    pub registry: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    pub manual: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Adapter {
    pub name: Spanned<String>,
    pub driver: Spanned<String>,
    pub interface_index: Spanned<u32>,
    pub luid_index: Option<Spanned<u32>>,
    pub mac: Option<Spanned<String>>,
    #[serde(default)]
    pub addresses: Vec<Spanned<String>>,
    #[serde(default)]
    pub keywords: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    pub manual: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Step {
    pub ioctl: Option<Ioctl>,
    pub load: Option<Spanned<String>>,
    pub unload: Option<Spanned<String>>,
    pub add: Option<Spanned<String>>,
    pub remove: Option<Spanned<String>>,
    pub surprise_remove: Option<Spanned<String>>,
    pub sleep_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Ioctl {
    pub device: Spanned<String>,
    pub code: Spanned<u32>,
    pub in_hex: Option<Spanned<String>>,
    pub in_file: Option<Spanned<String>>,
    #[serde(default)]
    pub out_length: usize,
    pub expect_status: Option<Spanned<toml::Value>>,
    pub expect_hex: Option<Spanned<String>>,
    pub expect_file: Option<Spanned<String>>,
    pub save: Option<Spanned<String>>,
    pub time_limit_ms: Option<Spanned<u64>>,
    pub threads: Option<Spanned<usize>>,
    pub repeat: Option<Spanned<usize>>,
}
