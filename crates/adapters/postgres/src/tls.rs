//! TLS to PostgreSQL.

use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A TLS connector that trusts Mozilla's roots, or those of `ca_file` alone where one is given.
///
/// For whoever connects to a database beside this adapter as well: TLS is made in one place.
/// The certificate and the name in it are always verified; `sslmode` decides whether TLS is used.
pub fn connector(ca_file: Option<&Path>) -> std::io::Result<MakeRustlsConnect> {
    let invalid = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let file = BufReader::new(std::fs::File::open(path)?);
            for certificate in CertificateDer::pem_reader_iter(file) {
                let certificate = certificate.map_err(std::io::Error::other)?;
                roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
