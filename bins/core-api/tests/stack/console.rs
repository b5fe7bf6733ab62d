//! The console: its door, and every page of it in a real browser.

use anyhow::{Context, Result, ensure};

use crate::client::Answer;
use crate::support::Stack;

fn cookies(answer: &Answer) -> Vec<&str> {
    let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    set.map(|(_, value)| value.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_is_entered_with_a_token_and_a_form_of_its_own() -> Result<()> {
    let stack = Stack::start().await?;
    stack.clinic("one")?;
    let (anybody, token) = (stack.anybody(), stack.operator(&["token", "--subject", "one-admin"])?);
    let door = anybody.get("/console")?;
    assert_eq!(door.status, 401);
    let policy = door.headers.iter().find(|(name, _)| name == "content-security-policy");
    let policy = policy.map(|(_, value)| value.as_str()).context("a policy")?;
    ensure!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
    ensure!(!policy.contains("unsafe"), "{policy}");
    ensure!(!door.text.contains("<script") && !door.text.contains("style="), "{}", door.text);
    let set = cookies(&door);
    let csrf = set.first().context("a cookie")?;
    ensure!(csrf.ends_with("; Path=/console; HttpOnly; SameSite=Strict"), "{csrf}");
    let csrf = csrf.split(['=', ';']).nth(1).context("its value")?.to_owned();
    ensure!(door.text.contains(&csrf), "the form has it too");

    let send = |cookie: &str, fields: String| {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("cookie", cookie)];
        anybody.send_with("POST", "/console/session", &headers, Some(fields.into_bytes()))
    };
    let own = format!("console_csrf={csrf}");
    send("", format!("csrf={csrf}&token={token}"))?.refused(403, "forbidden")?;
    send(&own, format!("token={token}"))?.refused(403, "forbidden")?;
    let other = "0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e6f";
    send(&own, format!("csrf={other}&token={token}"))?.refused(403, "forbidden")?;
    let bad = send(&own, format!("csrf={csrf}&token=nonsense"))?;
    assert_eq!(bad.status, 401);
    ensure!(!cookies(&bad).iter().any(|cookie| cookie.starts_with("console_session")));
    let entered = send(&own, format!("csrf={csrf}&token={token}"))?;
    assert_eq!(entered.status, 303);
    let session =
        cookies(&entered).into_iter().find(|cookie| cookie.starts_with("console_session="));
    let session = session.context("a session")?;
    ensure!(session.ends_with("; Path=/console; HttpOnly; SameSite=Strict"), "{session}");

    // The cookie opens pages, and nothing of the API.
    let cookie = format!("console_session={token}; {own}");
    let with = |path: &str| anybody.send_with("GET", path, &[("cookie", &cookie)], None);
    assert_eq!(with("/console/adherence")?.status, 200);
    with("/v1/insights/adherence")?.refused(401, "unauthenticated")?;
    let out = |fields: String| {
        let headers =
            [("content-type", "application/x-www-form-urlencoded"), ("cookie", cookie.as_str())];
        anybody.send_with("POST", "/console/sign-out", &headers, Some(fields.into_bytes()))
    };
    out(String::new())?.refused(403, "forbidden")?;
    let left = out(format!("csrf={csrf}"))?;
    ensure!(
        cookies(&left)
            .iter()
            .any(|one| one.starts_with("console_session=;") && one.ends_with("Max-Age=0"))
    );
    Ok(())
}

mod browser {
    use anyhow::{Result, ensure};
    use restartix_testkit::browser::{Browser, DESKTOP, Locator, Screen};

    use crate::insights::{organisation, with_history};
    use crate::support::Stack;

    const PHONE: Screen = Screen { width: 390, height: 844, mobile: true };

    /// Signs in by the form, as a person does.
    async fn sign_in(browser: &Browser, base: &str, token: &str) -> Result<()> {
        browser.delete_all_cookies().await?;
        browser.goto(&format!("{base}/console")).await?;
        browser.wait().for_element(Locator::Id("token")).await?.send_keys(token).await?;
        browser.find(Locator::Css("main button")).await?.click().await?;
        browser.wait().for_element(Locator::Css("nav a[aria-current]")).await?;
        Ok(())
    }

    /// Nothing that axe finds, nothing from elsewhere, nothing that the console complains of, and no
    /// page wider than its screen.
    async fn judged(browser: &Browser, base: &str, name: &str) -> Result<()> {
        for (size, screen) in [("390", PHONE), ("1280", DESKTOP)] {
            browser.show_as(screen).await?;
            let faults = browser.accessibility_faults().await?;
            ensure!(faults.is_empty(), "{name} at {size}: {faults:#?}");
            let wide = "return document.documentElement.scrollWidth - innerWidth";
            let over = browser.execute(wide, Vec::new()).await?;
            ensure!(over.as_i64().is_some_and(|over| over <= 0), "{name} at {size}: {over} wider");
            browser.screenshot(&format!("{name}_{size}")).await?;
        }
        for address in browser.loaded().await? {
            ensure!(address.starts_with(base), "{name} loads {address}");
        }
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_page_of_the_console_is_fit_for_everybody() -> Result<()> {
        let stack = Stack::start().await?;
        let one = stack.clinic("one")?;
        with_history(&stack, organisation(&one.admin)?, &one.admin).await?;
        let base = stack.base();
        let browser = Browser::start("console").await?;
        browser.goto(&format!("{base}/console")).await?;
        browser.wait().for_element(Locator::Id("token")).await?;
        judged(&browser, &base, "sign_in").await?;
        let _refused_once = browser.console().await?;
        let pages: [(&str, &[&str]); 2] = [
            (
                "admin",
                &[
                    "adherence",
                    "adherence?group_by=specialist",
                    "outcomes",
                    "activity",
                    "programs",
                    "patients",
                ],
            ),
            ("specialist", &["adherence", "outcomes", "activity", "programs", "patients"]),
        ];
        for (role, paths) in pages {
            let token = stack.operator(&["token", "--subject", &format!("one-{role}")])?;
            sign_in(&browser, &base, &token).await?;
            let _refused_once = browser.console().await?;
            for path in paths {
                browser.goto(&format!("{base}/console/{path}")).await?;
                browser.wait().for_element(Locator::Css("h1")).await?;
                let name = path.replace(['?', '='], "_");
                judged(&browser, &base, &format!("{role}_{name}")).await?;
            }
            let said = browser.console().await?;
            ensure!(said.is_empty(), "{role}: {said:?}");
        }
        // From the list to one patient, by keyboard: a link is reached and followed.
        let first = browser.wait().for_element(Locator::Css("td.id a")).await?;
        let to = first.attr("href").await?.unwrap_or_default();
        browser.goto(&format!("{base}{to}")).await?;
        browser.wait().for_element(Locator::Css("dl.facts")).await?;
        judged(&browser, &base, "specialist_patient").await?;
        let heard = browser.spoken().await?;
        ensure!(heard.iter().any(|line| line.starts_with("table")), "{heard:?}");

        let token = stack.operator(&["token", "--subject", "one-patient"])?;
        sign_in(&browser, &base, &token).await?;
        judged(&browser, &base, "patient_progress").await?;
        browser.close().await
    }
}
