//! A function that errs, in the place of the product's own.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use async_trait::async_trait;

use crate::{Mutation, Target};

/// What takes the place of a function of the product's while it is planted.
pub(crate) struct Careless<F> {
    name: &'static str,
    function: F,
    planted: AtomicBool,
}

impl<F: Copy> Careless<F> {
    /// `function`, not planted yet.
    pub(crate) const fn new(name: &'static str, function: F) -> Self {
        Self { name, function, planted: AtomicBool::new(false) }
    }

    /// The one of `all` that is planted, or `ours`.
    pub(crate) fn planted_or(all: &[Self], ours: F) -> F {
        let planted = all.iter().find(|fault| fault.planted.load(Ordering::Relaxed));
        planted.map_or(ours, |fault| fault.function)
    }
}

#[async_trait]
impl<F: Send + Sync> Mutation for Careless<F> {
    fn name(&self) -> &str {
        self.name
    }

    async fn plant(&self, _: &Target) -> Result<()> {
        self.planted.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn take_away(&self, _: &Target) -> Result<()> {
        self.planted.store(false, Ordering::Relaxed);
        Ok(())
    }
}
