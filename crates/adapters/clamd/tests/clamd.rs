//! The adapter against a real clamd, with a signature file of our own and nothing downloaded; and against
//! what calls itself clamd.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::Write as _;
use std::time::Duration;

use restartix_clamd::{Address, Clamd, Timeouts};
use restartix_storage::{EicarScanner, MalwareScanner, ScanUnavailable, Scanned};
use restartix_testkit::TestClamd;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// The test string of EICAR, put together here: this file is no malware.
fn eicar() -> Vec<u8> {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat().into()
}

/// A ZIP archive with one compressed file, whose bytes no longer stand in it as they are.
fn packed(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(bytes).unwrap();
    archive.finish().unwrap().into_inner()
}

async fn scan(scanner: &dyn MalwareScanner, bytes: &[u8]) -> Result<Scanned, ScanUnavailable> {
    let mut scan = scanner.begin().await?;
    for part in bytes.chunks(1000) {
        scan.feed(part).await?;
    }
    scan.finish().await
}

fn clamd(address: &str, timeouts: Timeouts) -> Clamd {
    Clamd::new(address.parse().unwrap(), timeouts)
}

fn impatient() -> Timeouts {
    let short = Duration::from_millis(300);
    Timeouts { connect: short, idle: short, verdict: short }
}

#[tokio::test]
async fn malware_is_found_as_it_is_and_in_archives_and_nothing_else_is() {
    let daemon = TestClamd::start(1 << 20).unwrap();
    let eicar = eicar();
    let zip = packed("eicar.com", &eicar);
    for address in daemon.addresses() {
        let clamd = clamd(&address, Timeouts::default());
        assert_eq!(clamd.serves(), None);
        clamd.probe().await.unwrap();
        assert_eq!(clamd.serves(), Some(true));
        assert_eq!(scan(&clamd, &eicar).await.unwrap(), Scanned::Infected);
        assert_eq!(scan(&clamd, b"%PDF-1.7 a report\n%%EOF\n").await.unwrap(), Scanned::Clean);
        assert_eq!(scan(&clamd, b"").await.unwrap(), Scanned::Clean);
        assert_eq!(scan(&clamd, &zip).await.unwrap(), Scanned::Infected);
        let twice = packed("inner.zip", &zip);
        assert_eq!(scan(&clamd, &twice).await.unwrap(), Scanned::Infected);
        assert_eq!(scan(&clamd, &packed("a.txt", b"harmless")).await.unwrap(), Scanned::Clean);
    }
    // What the embedded scanner, which does not unpack, takes for clean.
    assert_eq!(scan(&EicarScanner, &zip).await.unwrap(), Scanned::Clean);
}

#[tokio::test]
async fn what_clamd_gives_up_on_is_never_clean() {
    let daemon = TestClamd::start(1 << 20).unwrap();
    let [tcp, _] = daemon.addresses();
    let clamd = clamd(&tcp, Timeouts::default());
    assert!(scan(&clamd, &vec![b'a'; 3 << 20]).await.is_err(), "longer than clamd takes");
    assert_eq!(clamd.serves(), Some(false));
    clamd.probe().await.unwrap();
    // A small archive of something larger than is scanned: clamd says so instead of letting it pass.
    let bomb = packed("zeros", &vec![0; 8 << 20]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(scan(&clamd, &bomb).await.unwrap(), Scanned::Infected);
}

#[tokio::test]
async fn without_clamd_there_is_no_verdict_and_with_its_return_there_is() {
    let mut daemon = TestClamd::start(1 << 20).unwrap();
    let [tcp, socket] = daemon.addresses();
    let clamds = [clamd(&tcp, Timeouts::default()), clamd(&socket, Timeouts::default())];
    daemon.stop();
    for clamd in &clamds {
        assert!(scan(clamd, b"anything").await.is_err());
        assert!(clamd.probe().await.is_err());
        assert_eq!(clamd.serves(), Some(false));
    }
    daemon.resume().unwrap();
    for clamd in &clamds {
        assert_eq!(scan(clamd, b"anything").await.unwrap(), Scanned::Clean);
        assert_eq!(clamd.serves(), Some(true));
    }
}

/// Something that takes connections and says this in the end; nothing at all for `None`.
async fn calling_itself_clamd(says: Option<&'static [u8]>) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut heard = Vec::new();
                while !heard.ends_with(&[0; 4]) {
                    if !stream.read_buf(&mut heard).await.is_ok_and(|read| read > 0) {
                        return;
                    }
                }
                match says {
                    // Whoever has heard enough may hang up.
                    Some(says) => drop(stream.write_all(says).await),
                    None => std::future::pending().await,
                }
            });
        }
    });
    Address::Tcp(place)
}

#[tokio::test]
async fn an_answer_that_is_no_verdict_lets_nothing_through() {
    let endless: &[u8] = vec![b'a'; 100_000].leak();
    for (says, expected) in [
        (Some(&b"stream: OK\0"[..]), Some(Scanned::Clean)),
        (Some(b"stream: Win.Test FOUND\0"), Some(Scanned::Infected)),
        (Some(b"stream: OK"), None),
        (Some(b"COMMAND READ TIMED OUT\0"), None),
        (Some(b""), None),
        (Some(endless), None),
        (None, None),
    ] {
        let clamd = Clamd::new(calling_itself_clamd(says).await, impatient());
        let told = scan(&clamd, b"some bytes").await;
        assert_eq!(told.ok(), expected, "{:?}", says.map(<[u8]>::len));
        assert_eq!(clamd.serves(), Some(expected.is_some()));
    }
}
