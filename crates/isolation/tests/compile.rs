//! What must not compile, and beside each case its twin, which does: so that a case fails for the
//! reason that it names. `TRYBUILD=overwrite` writes the compiler's words anew; read the difference.

use std::collections::BTreeSet;
use std::path::Path;

/// The twins, compiled with this very file.
macro_rules! twins {
    ($($name:ident)+) => {
        mod compile {
            mod allowed {
                $(#[expect(dead_code, reason = "a twin has to compile and no more")] mod $name;)+
            }
        }

        const TWINS: &[&str] = &[$(stringify!($name)),+];
    };
}

twins! {
    key_made
    nested_transaction
    payload_with_text
    query_without_tenant
    raw_key
    route_without_audit
    tenant_cloned
    tenant_deserialised
    tenant_made
    transaction_named
    unit_without_tenant
    worker_keeps
}

#[test]
fn a_way_around_the_proofs_does_not_compile_and_its_twin_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile/refused");
    let names = std::fs::read_dir(folder).unwrap().filter_map(Result::ok);
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let cases: BTreeSet<_> =
        names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect();
    assert_eq!(cases, TWINS.iter().map(|name| (*name).to_owned()).collect(), "a twin each");
    trybuild::TestCases::new().compile_fail("tests/compile/refused/*.rs");
}
