use proptest::prelude::*;

use super::super::{BadUrl, Guard, Place};

fn guard() -> Guard {
    Guard::new(vec![443, 8443], Vec::new())
}

fn refused(url: &str) -> BadUrl {
    match guard().place(url) {
        Err(bad) => bad,
        Ok(place) => panic!("{url:?} goes to {}", place.authority()),
    }
}

fn parts(place: Result<Place, BadUrl>) -> (String, u16, String) {
    let place = place.unwrap();
    (place.authority(), place.port, place.target)
}

#[test]
fn a_public_https_url_is_taken_apart() {
    let parts = |url| parts(guard().place(url));
    let expected =
        |authority: &str, port, target: &str| (authority.to_owned(), port, target.to_owned());
    assert_eq!(parts("https://hooks.example.com"), expected("hooks.example.com", 443, "/"));
    assert_eq!(
        parts("HTTPS://Hooks.Example.COM:443/a/../b?x=1&y=%20"),
        expected("hooks.example.com", 443, "/b?x=1&y=%20")
    );
    assert_eq!(
        parts("https://hooks.example.com:8443/?q"),
        expected("hooks.example.com:8443", 8443, "/?q")
    );
    assert_eq!(parts("https://xn--mnchen-3ya.de/"), expected("xn--mnchen-3ya.de", 443, "/"));
}

#[test]
fn no_spelling_of_an_address_is_a_host() {
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "0x7f.1",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "8.8.8.8",
        "1.2.3.0x10",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[fe80::1]",
        "[2606:4700::1111]",
        "[0:0:0:0:0:0:0:1]",
        "256.256.256.256",
        "1.2.3.4.5",
        "09.1.1.1",
    ] {
        let bad = refused(&format!("https://{host}/"));
        assert!(matches!(bad, BadUrl::Host | BadUrl::Malformed), "{host}: {bad:?}");
    }
}

#[test]
fn names_that_lead_nowhere_outside_are_refused() {
    for host in [
        "localhost",
        "LOCALHOST",
        "metadata",
        "redis",
        "a.localhost",
        "printer.local",
        "x.y.LOCAL",
        "metadata.google.internal",
        "Internal.",
        "api.internal",
        "api.internal.",
        "a.local.",
        "a.localhost.",
        "example.com.",
        "example.com..",
        "a..example.com",
        ".example.com",
        "1.0.0.127.in-addr.arpa",
        "box.home.arpa",
        "x.onion",
        "x.localdomain",
        "x.lan",
    ] {
        let bad = refused(&format!("https://{host}/"));
        assert!(matches!(bad, BadUrl::Host | BadUrl::Malformed), "{host}: {bad:?}");
    }
    assert_eq!(refused(&format!("https://{}.com/", "a".repeat(64))), BadUrl::Host);
    assert_eq!(refused(&format!("https://{}com/", "a.".repeat(126))), BadUrl::Host);
}

#[test]
fn other_schemes_ports_users_and_fragments_are_refused() {
    for (url, bad) in [
        ("http://hooks.example.com/", BadUrl::Scheme),
        ("ftp://hooks.example.com/", BadUrl::Scheme),
        ("file:///etc/passwd", BadUrl::Malformed),
        ("javascript:alert(1)", BadUrl::Malformed),
        ("gopher://hooks.example.com:443/", BadUrl::Scheme),
        ("https://hooks.example.com:80/", BadUrl::Port),
        ("https://hooks.example.com:6379/", BadUrl::Port),
        ("https://hooks.example.com:0/", BadUrl::Port),
        ("https://hooks.example.com:65536/", BadUrl::Malformed),
        ("https://user@hooks.example.com/", BadUrl::UserInfo),
        ("https://user:secret@hooks.example.com/", BadUrl::UserInfo),
        ("https://@hooks.example.com/", BadUrl::UserInfo),
        ("https://:@hooks.example.com/", BadUrl::UserInfo),
        ("https://hooks.example.com/#", BadUrl::Fragment),
        ("https://hooks.example.com/#x", BadUrl::Fragment),
        ("http://127.0.0.1/", BadUrl::Host),
    ] {
        assert_eq!(refused(url), bad, "{url}");
    }
}

#[test]
fn what_parsers_read_in_two_ways_is_refused() {
    for url in [
        "",
        "https://",
        "https:///x",
        "https:/hooks.example.com",
        "https:hooks.example.com",
        "//hooks.example.com/",
        " https://hooks.example.com/",
        "https://hooks.example.com/\n",
        "https://hooks.example.com/a b",
        "https://hooks.exam\tple.com/",
        "https://hooks.example.com\\@127.0.0.1/",
        "https:\\\\hooks.example.com/",
        "https://hooks.example.com%2f@x.com/",
        "https://127.0.0.1%2ehooks.com/",
        "https://%31%32%37.0.0.1/",
        "https://１２７.０.０.１/",
        "https://127。0。0。1/",
        "https://münchen.de/",
        "https://hooks.example.com/é",
        "https://hooks.example.com/\0",
        "https://exa mple.com/",
        "https://ex<ample.com/",
    ] {
        assert!(matches!(refused(url), BadUrl::Malformed | BadUrl::Host), "{url:?}");
    }
    let long = |n: usize| format!("https://hooks.example.com/{}", "a".repeat(n));
    assert!(guard().place(&long(2048 - 26)).is_ok());
    assert_eq!(refused(&long(2048 - 25)), BadUrl::Malformed);
}

#[test]
fn the_development_switch_admits_two_hosts_and_nothing_else() {
    let development = guard().admitting_loopback();
    let taken = |url| parts(development.place(url));
    assert_eq!(taken("http://127.0.0.1:4711/hook").0, "127.0.0.1:4711");
    assert_eq!(taken("http://127.0.0.1/").0, "127.0.0.1");
    assert_eq!(taken("https://127.0.0.1:9/").0, "127.0.0.1:9");
    assert_eq!(taken("http://[::1]:4711/").0, "[::1]:4711");
    assert_eq!(taken("https://[::1]").0, "[::1]");
    assert_eq!(taken("https://hooks.example.com/").0, "hooks.example.com");
    for url in [
        "http://127.0.0.2/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0.0.0.0/",
        "http://localhost/",
        "https://localhost/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "http://u@127.0.0.1/",
        "http://127.0.0.1.nip.io/",
        "http://hooks.example.com/",
        "https://hooks.example.com:4711/",
        "ftp://127.0.0.1/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1/#f",
        "http://[::1%25lo]/",
    ] {
        assert!(development.place(url).is_err(), "{url}");
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_or_leads_to_a_name(text in "\\PC{0,80}") {
        if let Ok(place) = guard().place(&text) {
            prop_assert!(place.authority().contains('.'));
        }
    }

    /// Every integer, in every base, with every number of parts, is an address and no host.
    #[test]
    fn no_number_is_a_host(bits: u32, form in 0_usize..5) {
        let [a, b, c, d] = bits.to_be_bytes();
        let host = match form {
            0 => format!("{bits}"),
            1 => format!("{bits:#x}"),
            2 => format!("0{bits:o}"),
            3 => format!("{a:#x}.0{b:o}.{c}.{d}"),
            _ => format!("{a}.{}", bits & 0xff_ffff),
        };
        prop_assert!(guard().place(&format!("https://{host}/")).is_err(), "{}", host);
        prop_assert!(guard().place(&format!("https://{host}./")).is_err(), "{}.", host);
    }
}
