//! A headless Chromium of one test's own, driven over WebDriver.
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! use restartix_testkit::browser::{Browser, Locator, PHONE};
//!
//! let browser = Browser::start("the_page_opens").await?;
//! browser.goto("http://127.0.0.1:8080/").await?;
//! browser.show_as(PHONE).await?;
//! browser.wait().for_element(Locator::Css("h1")).await?;
//! browser.screenshot("phone").await?; // target/screenshots/the_page_opens/phone.png
//! assert_eq!(browser.accessibility_faults().await?, Vec::<String>::new());
//! browser.close().await
//! # }
//! ```
//!
//! Everything that is not here is [`fantoccini::Client`]'s, which a [`Browser`] derefs to.

mod driver;

use std::ops::Deref;
use std::path::PathBuf;

use anyhow::{Context, Result};
pub use fantoccini::key::Key;
pub use fantoccini::wd::Locator;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use driver::Driver;

/// axe-core, by which [`Browser::accessibility_faults`] judges.
const AXE: &str = include_str!("../../../fixtures/axe/axe.min.js");

/// No proxy, nothing fetched of its own accord, no sandbox: tests may run as root.
const ARGUMENTS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--lang=en-GB",
    "--window-size=1280,800",
];

/// The size of a screen in CSS pixels, and whether it is a phone's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Whether pages are laid out as on a phone: the viewport of their `meta` counts, fingers point.
    pub mobile: bool,
}

/// A small phone, held upright.
pub const PHONE: Screen = Screen { width: 360, height: 740, mobile: true };
/// A laptop.
pub const DESKTOP: Screen = Screen { width: 1280, height: 800, mobile: false };

/// A Chromium with a fresh profile; it ends with the test.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    driver: Driver,
    screenshots: PathBuf,
    _profile: TempDir,
}

impl Browser {
    /// Starts `chromedriver` from the path on a free port, and a Chromium. `test` names the folder of
    /// its screenshots below `target/screenshots`.
    pub async fn start(test: &str) -> Result<Self> {
        let screenshots = screenshots(test)?;
        let profile = tempfile::Builder::new().prefix("restartix-browser-").tempdir()?;
        let driver = Driver::start().await?;
        let profile_argument = format!("--user-data-dir={}", profile.path().display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([&*profile_argument]).collect();
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(wanted) = wanted else { anyhow::bail!("capabilities are an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&driver.url())
            .await
            .context("start Chromium under chromedriver")?;
        Ok(Self { client, driver, screenshots, _profile: profile })
    }

    /// Shows pages as on `screen`, whatever the window's size.
    pub async fn show_as(&self, screen: Screen) -> Result<()> {
        let Screen { width, height, mobile } = screen;
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await.map(drop)
    }

    /// Keeps what is seen now as `target/screenshots/TEST/NAME.png`.
    pub async fn screenshot(&self, name: &str) -> Result<PathBuf> {
        let png = self.client.screenshot().await.context("take a screenshot")?;
        let path = self.screenshots.join(format!("{name}.png"));
        std::fs::write(&path, png).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// What axe-core holds against the page that is shown, a line each: rule, help, where.
    pub async fn accessibility_faults(&self) -> Result<Vec<String>> {
        self.client.execute(AXE, Vec::new()).await.context("inject axe-core")?;
        let judge = "const done = arguments[arguments.length - 1];
            axe.run(document).then((found) => done(found), (error) => done(String(error)));";
        let found = self.client.execute_async(judge, Vec::new()).await.context("run axe-core")?;
        let violations = found.get("violations").and_then(Value::as_array);
        let violations = violations.with_context(|| format!("axe-core failed: {found}"))?;
        let text = |value: &Value, key: &str| {
            value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let shown = violations.iter().flat_map(|violation| {
            let nodes = violation.get("nodes").and_then(Value::as_array).into_iter().flatten();
            nodes.map(move |node| {
                format!(
                    "{}: {}: {}",
                    text(violation, "id"),
                    text(violation, "help"),
                    text(node, "html")
                )
            })
        });
        Ok(shown.collect())
    }

    /// What a screen reader is told of the page that is shown, in reading order: `role "name"`, what
    /// it passes over left out.
    pub async fn spoken(&self) -> Result<Vec<String>> {
        let tree = self.devtools("Accessibility.getFullAXTree", json!({})).await?;
        let nodes = tree.get("nodes").and_then(Value::as_array).context("a tree has nodes")?;
        let spoken = nodes.iter().filter_map(|node| {
            let text = |key: &str| node.get(key)?.get("value")?.as_str();
            let role = text("role")?;
            let told = node.get("ignored").and_then(Value::as_bool) != Some(true);
            let own = !matches!(role, "none" | "generic" | "InlineTextBox" | "paragraph");
            (told && own).then(|| format!("{role} {:?}", text("name").unwrap_or_default()))
        });
        Ok(spoken.collect())
    }

    /// What the browser's console has heard since the last question, such as violations of a
    /// Content-Security-Policy, a line each with its level.
    pub async fn console(&self) -> Result<Vec<String>> {
        let heard = self.vendor("se/log", json!({ "type": "browser" })).await?;
        let lines = heard.as_array().context("a log is a list")?.iter();
        let text = |line: &Value, key: &str| {
            line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Ok(lines.map(|line| format!("{} {}", text(line, "level"), text(line, "message"))).collect())
    }

    /// The URLs of everything that the page that is shown has loaded, itself aside.
    pub async fn loaded(&self) -> Result<Vec<String>> {
        let script = "return performance.getEntriesByType('resource').map((entry) => entry.name);";
        let names = self.client.execute(script, Vec::new()).await.context("ask what was loaded")?;
        serde_json::from_value(names).context("names of resources")
    }

    /// One command of Chromium's own protocol
    /// (<https://chromedevtools.github.io/devtools-protocol/>).
    pub async fn devtools(&self, command: &str, parameters: Value) -> Result<Value> {
        self.vendor("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    async fn vendor(&self, path: &'static str, body: Value) -> Result<Value> {
        let answer = self.client.issue_cmd(Vendor { path, body }).await;
        answer.with_context(|| format!("chromedriver's {path}"))
    }

    /// Ends the browser. Dropping one ends it too, without saying what went wrong.
    pub async fn close(self) -> Result<()> {
        let Self { client, driver, .. } = self;
        client.close().await.context("close Chromium")?;
        drop(driver);
        Ok(())
    }
}

impl Deref for Browser {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// A command that WebDriver leaves to the vendor.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// `target/screenshots/TEST`, emptied of an earlier run's.
fn screenshots(test: &str) -> Result<PathBuf> {
    // target/PROFILE/deps/THIS
    let program = std::env::current_exe().context("where this program is")?;
    let target = program.ancestors().nth(3).context("a test stands below target/")?;
    let folder = target.join("screenshots").join(test);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("remove the screenshots of an earlier run")?;
    }
    std::fs::create_dir_all(&folder).context("make the folder of the screenshots")?;
    Ok(folder)
}
