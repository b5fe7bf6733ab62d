use crate::{Mutation, Probe, Target, examine};

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

/// Plants each mutation of each probe: the probe must go GREEN, RED, GREEN around it.
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
        for mutation in mutations {
            let survived = survives(&**probe, mutation, target, today).await;
            let proof = Proof { probe: id, mutation: mutation.name().to_owned(), survived };
            told(&proof);
            proofs.push(proof);
        }
    }
    proofs
}

async fn survives(
    probe: &dyn Probe,
    mutation: &dyn Mutation,
    target: &Target,
    today: &str,
) -> Option<String> {
    let green = async |when: &str| {
        let outcome = examine(probe, target, &[], today).await;
        (!outcome.verdict.is_green()).then(|| format!("{when}: {:?}", outcome.verdict))
    };
    if let Some(red) = green("RED before the mutation").await {
        return Some(red);
    }
    let planted = mutation.plant(target).await;
    let found = match &planted {
        Ok(()) => !examine(probe, target, &[], today).await.verdict.is_green(),
        Err(_) => false,
    };
    if let Err(error) = mutation.take_away(target).await {
        return Some(format!("could not be taken away: {error:#}"));
    }
    if let Err(error) = planted {
        return Some(format!("could not be planted: {error:#}"));
    }
    if !found {
        return Some("survived: the probe stayed GREEN".to_owned());
    }
    green("RED after the mutation").await
}
