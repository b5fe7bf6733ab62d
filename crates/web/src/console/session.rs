//! Signing in with a token, and out.

use maud::{Markup, html};
use restartix_http_api::{
    Api, AuditClass, Declared, Document, Input, Kind, Open, Parts, Problem, Route, SESSION_COOKIE,
    Sketch, StatusCode, Verb, header,
};
use restartix_kernel::{RandomExt, Secret};
use restartix_tenancy::RateClass;
use subtle::ConstantTimeEq;

use super::frame::{CSRF_COOKIE, Csrf, guarded, page};

/// A cookie with its name and attributes has 4,096 bytes at most (RFC 6265, section 6.1).
const LONGEST_TOKEN: usize = 3_900;

pub(super) fn routes() -> Vec<Route> {
    let declared = |operation, path, summary| Declared {
        operation,
        method: Verb::Post,
        path,
        summary,
        audit: AuditClass::Exempt {
            why: "the token was somebody's before; what is seen with it is read",
        },
        rate: RateClass::Write,
    };
    let style = Declared {
        operation: "console.style",
        method: Verb::Get,
        path: "/assets/console.css",
        summary: "The console's style.",
        audit: AuditClass::Exempt { why: "the same bytes for everybody" },
        rate: RateClass::Read,
    };
    let sign_in = "Sign in to the console with a token: it is kept in a cookie.";
    vec![
        Route::open(declared("console.sign_in", "/console/session", sign_in), sign_in_with),
        Route::open(
            declared("console.sign_out", "/console/sign-out", "Forget the console's cookie."),
            sign_out,
        ),
        Route::open(style, stylesheet),
    ]
}

async fn stylesheet(_: Open<'_>, (): ()) -> Result<Document, Problem> {
    let style = Document::new("text/css; charset=utf-8", include_str!("../../assets/console.css"));
    Ok(style.with(header::CACHE_CONTROL, "no-cache"))
}

/// A form of ours, proven by its cookie.
struct Form {
    token: Option<Secret>,
}

impl Input for Form {
    const READS_BODY: bool = true;
    const TAKES_FORM: bool = true;

    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let fields = request.form()?;
        let field = |name: &str| {
            let found = fields.iter().find(|(is, _)| is == name);
            found.map(|(_, value)| value.trim().to_owned())
        };
        let (Csrf(known), said) = (Csrf::parse(request)?, field("csrf").unwrap_or_default());
        // Another site can send the form, and neither read nor set the cookie.
        let ours = known.is_some_and(|known| bool::from(known.as_bytes().ct_eq(said.as_bytes())));
        if !ours {
            return Err(Kind::FORBIDDEN.into());
        }
        Ok(Self { token: field("token").filter(|token| !token.is_empty()).map(Into::into) })
    }

    fn describe(_: &mut Sketch) {}
}

async fn sign_in_with(open: Open<'_>, form: Form) -> Result<Document, Problem> {
    use restartix_kernel::ExposeSecret;
    let Some(token) = form.token else { return Ok(sign_in(open.api, Some("Paste a token."))) };
    let plain = token.expose_secret();
    let fits = plain.len() <= LONGEST_TOKEN
        && plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_=".contains(&byte));
    let known = if fits { open.api.authenticator.authenticate(&token).await.ok() } else { None };
    if known.is_none() {
        return Ok(sign_in(open.api, Some("This token is not good, or not any more.")));
    }
    let session = cookie(open.api, SESSION_COOKIE, plain, "");
    Ok(away("/console").with(header::SET_COOKIE, &session))
}

async fn sign_out(open: Open<'_>, _: Form) -> Result<Document, Problem> {
    let gone = "; Max-Age=0";
    Ok(away("/console")
        .with(header::SET_COOKIE, &cookie(open.api, SESSION_COOKIE, "", gone))
        .with(header::SET_COOKIE, &cookie(open.api, CSRF_COOKIE, "", gone)))
}

/// 303 to `path`.
pub(super) fn away(path: &'static str) -> Document {
    let moved = Document::new("text/plain; charset=utf-8", "").with(header::LOCATION, path);
    Document { status: StatusCode::SEE_OTHER, ..moved }
}

fn cookie(api: &Api, name: &str, value: &str, more: &str) -> String {
    let secure = if api.config.public_url.starts_with("https://") { "; Secure" } else { "" };
    format!("{name}={value}; Path=/console; HttpOnly; SameSite=Strict{secure}{more}")
}

/// The page on which one signs in: 401, with a fresh cookie for its form.
fn sign_in(api: &Api, said: Option<&str>) -> Document {
    let csrf = api.random.uuid_v4().to_string();
    let body = html! {
        @if let Some(said) = said { p role="alert" class="said" { (said) } }
        form method="post" action="/console/session" class="sign-in" {
            input type="hidden" name="csrf" value=(csrf);
            label for="token" { "Your token" }
            textarea id="token" name="token" rows="6" autocomplete="off" spellcheck="false" required {}
            button type="submit" { "Sign in" }
        }
        p { "It stays in this browser until you sign out, for as long as it is good." }
    };
    let page = page("Sign in", &Markup::default(), &body);
    let document = guarded(page)
        .with(header::WWW_AUTHENTICATE, "Bearer")
        .with(header::SET_COOKIE, &cookie(api, CSRF_COOKIE, &csrf, ""));
    Document { status: StatusCode::UNAUTHORIZED, ..document }
}

/// How pages say that something was refused or failed.
pub(super) fn refusal(api: &Api, problem: &Problem) -> Document {
    let kind = problem.kind();
    let said = match kind.status {
        StatusCode::UNAUTHORIZED => return sign_in(api, None),
        StatusCode::NOT_FOUND => "There is no such page, or nothing of it that you may see.",
        StatusCode::FORBIDDEN => "This page is not for your part in the clinic.",
        StatusCode::TOO_MANY_REQUESTS => "That was too often. Please wait a moment.",
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            "That cannot be asked for: look at the dates and the group again."
        }
        _ => "Something is broken on our side. Please try again in a moment.",
    };
    let body = html! {
        p role="alert" { (said) }
        p { "Code: " code { (kind.code) } }
        p { a href="/console" { "To the console" } }
    };
    guarded(page("That did not work", &Markup::default(), &body))
}
