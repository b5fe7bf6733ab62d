//! Which pages may ask: the stored rules, as browsers are told of them.
//!
//! Source: "Using cross-origin resource sharing (CORS)" in S3's user guide: the first rule that
//! fits in all three of origin, method and headers answers.

use s3s::dto::CORSRule;

use super::policy::is_like;

/// What a page wants.
pub(super) struct Wish<'a> {
    pub(super) origin: &'a str,
    pub(super) method: &'a str,
    /// Of a preflight: the names of `Access-Control-Request-Headers`.
    pub(super) headers: Vec<String>,
}

/// The names of `Access-Control-Request-Headers`, in lower case.
pub(super) fn names(list: &str) -> Vec<String> {
    let names = list.split(',').map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}

/// The headers that let the page, if a rule does.
pub(super) fn granted(rules: &[CORSRule], wish: &Wish<'_>) -> Option<Vec<(&'static str, String)>> {
    let rule = rules.iter().find(|rule| fits(rule, wish))?;
    let everybody = rule.allowed_origins.iter().any(|origin| origin == "*");
    let mut headers = vec![
        (
            "access-control-allow-origin",
            if everybody { "*".to_owned() } else { wish.origin.to_owned() },
        ),
        ("access-control-allow-methods", rule.allowed_methods.join(", ")),
        (
            "vary",
            "Origin, Access-Control-Request-Headers, Access-Control-Request-Method".to_owned(),
        ),
    ];
    if !everybody {
        headers.push(("access-control-allow-credentials", "true".to_owned()));
    }
    if !wish.headers.is_empty() {
        headers.push(("access-control-allow-headers", wish.headers.join(", ")));
    }
    let exposed = rule.expose_headers.as_ref().filter(|exposed| !exposed.is_empty());
    headers.extend(exposed.map(|exposed| ("access-control-expose-headers", exposed.join(", "))));
    headers.extend(rule.max_age_seconds.map(|age| ("access-control-max-age", age.to_string())));
    Some(headers)
}

fn fits(rule: &CORSRule, wish: &Wish<'_>) -> bool {
    let allowed = rule.allowed_headers.as_deref().unwrap_or_default();
    let admits =
        |name: &String| allowed.iter().any(|pattern| is_like(&pattern.to_ascii_lowercase(), name));
    rule.allowed_origins.iter().any(|pattern| is_like(pattern, wish.origin))
        && rule.allowed_methods.iter().any(|method| method == wish.method)
        && wish.headers.iter().all(admits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> CORSRule {
        CORSRule {
            allowed_headers: Some(vec!["Content-Type".to_owned(), "x-amz-*".to_owned()]),
            allowed_methods: vec!["GET".to_owned(), "PUT".to_owned()],
            allowed_origins: vec!["https://app.clinic.example".to_owned()],
            expose_headers: Some(vec!["ETag".to_owned()]),
            id: None,
            max_age_seconds: Some(600),
        }
    }

    fn asks(origin: &str, method: &str, headers: &str) -> bool {
        granted(&[rule()], &Wish { origin, method, headers: names(headers) }).is_some()
    }

    #[test]
    fn a_rule_fits_in_origin_method_and_headers_or_not_at_all() {
        let ours = "https://app.clinic.example";
        assert!(asks(ours, "PUT", "content-type, X-Amz-Checksum-Sha256"));
        assert!(asks(ours, "GET", ""));
        assert!(!asks(ours, "DELETE", ""));
        assert!(!asks(ours, "PUT", "authorization"));
        for origin in ["https://evil.example", "http://app.clinic.example", "null", ""] {
            assert!(!asks(origin, "GET", ""), "{origin}");
        }
        assert!(granted(&[], &Wish { origin: ours, method: "GET", headers: vec![] }).is_none());
    }
}
