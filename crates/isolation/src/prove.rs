use crate::{Mutation, Probe, Target, Verdict, examine};

/// What became of one mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The probe that had to find it.
    pub probe: &'static str,
    /// What was broken; of a probe without a mutation, nothing.
    pub mutation: String,
    /// Why it was not killed.
    pub survived: Option<String>,
}

/// Plants each mutation of each probe: the probe must go GREEN, RED, GREEN around it. Where it went GREEN
/// after one mutation, it is so before the next.
pub async fn prove(
    probes: &[Box<dyn Probe>],
    target: &Target,
    today: &str,
    mut told: impl FnMut(&Proof),
) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for probe in probes {
        let id = probe.about().id;
        let mutations = probe.mutations();
        if mutations.is_empty() {
            let survived = Some("the probe has no mutation: nothing shows that it can fail".into());
            proofs.push(Proof { probe: id, mutation: String::new(), survived });
        }
        let mut trial = Trial { probe: &**probe, target, today, green: false };
        for mutation in mutations {
            let survived = trial.survives(mutation).await;
            let proof = Proof { probe: id, mutation: mutation.name().to_owned(), survived };
            told(&proof);
            proofs.push(proof);
        }
    }
    proofs
}

/// One probe, and its mutations one after another.
struct Trial<'a> {
    probe: &'a dyn Probe,
    target: &'a Target,
    today: &'a str,
    /// Whether it went GREEN after the last mutation was taken away.
    green: bool,
}

impl Trial<'_> {
    async fn survives(&mut self, mutation: &dyn Mutation) -> Option<String> {
        if !self.green
            && let Some(red) = self.red().await
        {
            return Some(format!("RED before the mutation: {red:?}"));
        }
        self.green = false;
        let planted = mutation.plant(self.target).await;
        let found = planted.is_ok() && self.red().await.is_some();
        if let Err(error) = mutation.take_away(self.target).await {
            return Some(format!("could not be taken away: {error:#}"));
        }
        if let Err(error) = planted {
            return Some(format!("could not be planted: {error:#}"));
        }
        if !found {
            return Some("survived: the probe stayed GREEN".to_owned());
        }
        let red = self.red().await;
        self.green = red.is_none();
        red.map(|red| format!("RED after the mutation: {red:?}"))
    }

    /// What the probe says, unless it goes GREEN.
    async fn red(&self) -> Option<Verdict> {
        let outcome = examine(self.probe, self.target, &[], self.today).await;
        Some(outcome.verdict).filter(|verdict| !verdict.is_green())
    }
}
