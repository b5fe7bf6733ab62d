//! What the server counts, for Prometheus.

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use restartix_http_api::MetricsText;

/// The registry of the process, rendered at `/metrics` of the server itself: there is no second
/// port to protect.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// The upper ends of the buckets of durations, in seconds: from a point read to the time-out.
const SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0];

impl Metrics {
    /// Counts from now on, for the whole process: it can be had once.
    pub fn install() -> anyhow::Result<Self> {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS)?;
        let handle = builder.install_recorder().context("the process counts elsewhere already")?;
        Ok(Self(handle))
    }

    /// A registry that counts nothing: for a server inside another program, which counts by its
    /// own means.
    pub fn none() -> Self {
        Self(PrometheusBuilder::new().build_recorder().handle())
    }

    /// Folds what was measured into the buckets, so that memory stays bounded when nobody asks.
    pub(crate) fn fold(&self) {
        self.0.run_upkeep();
    }
}

impl MetricsText for Metrics {
    fn render(&self) -> String {
        let text = self.0.render();
        #[cfg(feature = "mutants")]
        let text = text + &of_each_person();
        text
    }
}

/// A counter for each person, by name.
#[cfg(feature = "mutants")]
fn of_each_person() -> String {
    use restartix_kernel::mutants::{overheard, planted};
    let name = overheard().filter(|_| planted("core-api.metric_of_each_person"));
    name.map(|name| format!("\nseen_total{{who=\"{name}\"}} 1\n")).unwrap_or_default()
}
