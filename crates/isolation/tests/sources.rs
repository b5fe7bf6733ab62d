//! The source itself: no port and no adapter takes an organisation as a number or a text, and no type
//! of a request has a field of such a name.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{FnArg, ImplItemFn, ItemFn, Pat, Signature, TraitItemFn, Visibility};

/// Where ports and adapters are, and what requests are made of.
const ROOMS: [&str; 4] =
    ["crates/domain", "crates/workflows", "crates/adapters", "crates/http-api"];

/// Who makes a `Tenant` of a number, acts for an operator, or reads the switch: tenancy's own
/// vocabulary, and the one operation that accepts an organisation.
const AT_THE_EDGE: [&str; 2] = ["crates/domain/tenancy/", "crates/http-api/src/wire/me.rs"];

#[derive(Default)]
struct Found {
    looked_at: usize,
    faults: Vec<String>,
}

fn is_organisation(name: &str) -> bool {
    let plain = name.to_ascii_lowercase().replace('_', "");
    [
        "orgid",
        "organizationid",
        "organisationid",
        "organization",
        "organisation",
        "tenantid",
        "clinicid",
    ]
    .contains(&plain.as_str())
}

fn is_plain(kind: &str) -> bool {
    let kind = kind.replace(' ', "");
    let bare = kind.trim_start_matches('&').trim_start_matches("'_").trim_start_matches("'static");
    ["i64", "u64", "i32", "u32", "str", "String", "Option<i64>", "Option<String>", "Option<&str>"]
        .contains(&bare)
}

impl Found {
    fn signature(&mut self, signature: &Signature) {
        self.looked_at += 1;
        for input in &signature.inputs {
            let FnArg::Typed(argument) = input else { continue };
            let Pat::Ident(name) = &*argument.pat else { continue };
            let kind = argument.ty.to_token_stream().to_string();
            if is_organisation(&name.ident.to_string()) && is_plain(&kind) {
                self.faults.push(format!("fn {} takes {}: {kind}", signature.ident, name.ident));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        self.signature(&item.sig);
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if matches!(item.vis, Visibility::Public(_)) {
            self.signature(&item.sig);
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if matches!(item.vis, Visibility::Public(_)) {
            self.signature(&item.sig);
        }
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        let attributes: String =
            item.attrs.iter().map(|attribute| attribute.to_token_stream().to_string()).collect();
        if attributes.contains("Deserialize") {
            self.looked_at += 1;
            for field in &item.fields {
                let named =
                    field.ident.as_ref().is_some_and(|name| is_organisation(&name.to_string()));
                if named {
                    self.faults
                        .push(format!("{} can be read with an organisation in it", item.ident));
                }
            }
        }
        visit::visit_item_struct(self, item);
    }
}

fn look(source: &str) -> Result<Found> {
    let mut found = Found::default();
    found.visit_file(&syn::parse_file(source)?);
    Ok(found)
}

fn sources(dir: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            if !["tests", "examples", "benches"].iter().any(|name| path.ends_with(name)) {
                sources(&path, into)?;
            }
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            into.push(path);
        }
    }
    Ok(())
}

#[test]
fn nothing_takes_an_organisation_as_a_number_or_a_text() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for room in ROOMS {
        sources(&root.join(room), &mut files)?;
    }
    let (mut looked_at, mut faults) = (0, Vec::new());
    for file in &files {
        let place = file.strip_prefix(&root)?.display().to_string();
        if AT_THE_EDGE.iter().any(|edge| place.starts_with(edge)) {
            continue;
        }
        let found = look(&fs::read_to_string(file)?).with_context(|| place.clone())?;
        looked_at += found.looked_at;
        faults.extend(found.faults.iter().map(|fault| format!("{place}: {fault}")));
    }
    ensure!(looked_at > 300, "only {looked_at} functions and types were looked at");
    ensure!(faults.is_empty(), "{faults:#?}");
    Ok(())
}

#[test]
fn what_is_planted_is_found() -> Result<()> {
    for planted in [
        "pub trait Rooms { fn find(&self, org_id: i64); }",
        "pub fn key(organisation: &str) {}",
        "struct S; impl S { pub async fn put(&self, orgId: Option<String>) {} }",
        "#[derive(Deserialize)] struct Body { organization_id: i64 }",
    ] {
        ensure!(look(planted)?.faults.len() == 1, "{planted}");
    }
    for right in [
        "pub trait Rooms { fn find(&self, tenant: &Tenant, id: i64); }",
        "pub(crate) struct Row { org_id: i64 }",
        "fn of(organisation: OrgId) {}",
    ] {
        ensure!(look(right)?.faults.is_empty(), "{right}");
    }
    Ok(())
}
