//! Bucket policies: read strictly, and evaluated as AWS says.
//!
//! Source: "Policy evaluation logic", "IAM JSON policy elements: Condition operators" in AWS's IAM
//! guide, and "Policies and permissions in Amazon S3". What this evaluator does not know is refused
//! when the policy is put: nothing is ever ignored in silence.

mod condition;
mod document;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(super) use document::Policy;

use document::{Effect, Principals, Statement};

/// What somebody asks for, in the words of a policy.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// The ARN of who asks; `None` is nobody, or anybody.
    pub(super) principal: Option<String>,
    /// As `s3:PutObject`.
    pub(super) action: &'static str,
    /// The ARN of what is asked for.
    pub(super) resource: String,
    /// What conditions may look at: names in lower case, and only what the request has.
    pub(super) facts: BTreeMap<&'static str, String>,
}

/// What a policy says to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A statement denies: nobody may.
    Deny,
    /// A statement allows and none denies.
    Allow,
    /// No statement concerns it: the owner may, nobody else.
    Silent,
}

impl Policy {
    /// What the statements say to `question`.
    pub(super) fn judge(&self, question: &Question) -> Verdict {
        let concern = |effect| {
            self.statements.iter().any(|one| one.effect == effect && one.concerns(question))
        };
        if concern(Effect::Deny) {
            Verdict::Deny
        } else if concern(Effect::Allow) {
            Verdict::Allow
        } else {
            Verdict::Silent
        }
    }

    /// Whether it lets everybody in somewhere: what Block Public Access looks for. Conditions are
    /// not weighed, so that a policy which merely seems public is held to be.
    pub(super) fn is_public(&self) -> bool {
        let open = |one: &Statement| {
            one.effect == Effect::Allow && matches!(one.principals, Principals::Everybody)
        };
        self.statements.iter().any(open)
    }
}

impl Statement {
    fn concerns(&self, question: &Question) -> bool {
        let whom = match &self.principals {
            Principals::Everybody => true,
            Principals::Named(names) => question
                .principal
                .as_ref()
                .is_some_and(|who| names.iter().any(|name| who == name || is_account(name, who))),
        };
        let action = question.action.to_ascii_lowercase();
        whom && self.actions.iter().any(|pattern| is_like(&pattern.to_ascii_lowercase(), &action))
            && self.resources.iter().any(|pattern| is_like(pattern, &question.resource))
            && self.conditions.iter().all(|condition| condition.holds(&question.facts))
    }
}

/// Whether `name` is the account that `who` belongs to: by its number, or as `arn:...:root`.
fn is_account(name: &str, who: &str) -> bool {
    let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
    let named = name.strip_suffix(":root").map_or(Some(name.to_owned()), |_| account(name));
    (name.ends_with(":root") || name.bytes().all(|b| b.is_ascii_digit())) && named == account(who)
}

/// Whether `text` is like `pattern`, where `*` stands for any characters and `?` for one.
pub(super) fn is_like(pattern: &str, text: &str) -> bool {
    let mut pattern = pattern.chars();
    let mut text = text.chars();
    // Where to go on when a star has to take one character more.
    let mut star = None;
    loop {
        let before_text = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((pattern.clone(), before_text.clone()));
                text = before_text;
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => {
                let Some((rest, mut taken)) = star.take() else { return false };
                if taken.next().is_none() {
                    return false;
                }
                pattern = rest.clone();
                text = taken.clone();
                star = Some((rest, taken));
            }
        }
    }
}
