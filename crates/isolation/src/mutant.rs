//! A fault in the code itself: compiled into `restartix-mutant-server`, planted and taken away by name.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;

use crate::{Mutation, Target};

/// A mutant of the running server.
pub(crate) struct Mutant {
    /// What it does wrong.
    name: &'static str,
    /// What the product's source calls it.
    planted: &'static str,
    /// What puts right, as the superuser, what it left in the database.
    mend: &'static str,
}

impl Mutant {
    /// The one that the product's source calls `planted`, and that does what `name` says.
    pub(crate) fn boxed(name: &'static str, planted: &'static str) -> Box<dyn Mutation> {
        Self::mended(name, planted, "")
    }

    /// One that leaves something behind, which these statements put right.
    pub(crate) fn mended(
        name: &'static str,
        planted: &'static str,
        mend: &'static str,
    ) -> Box<dyn Mutation> {
        Box::new(Self { name, planted, mend })
    }
}

#[async_trait]
impl Mutation for Mutant {
    fn name(&self) -> &str {
        self.name
    }

    async fn plant(&self, target: &Target) -> Result<()> {
        tell(target, self.planted).await
    }

    async fn take_away(&self, target: &Target) -> Result<()> {
        tell(target, "").await?;
        Ok(target.catalogue().batch_execute(self.mend).await?)
    }
}

/// Has the mutant of this name planted; none, if it is empty.
async fn tell(target: &Target, name: &'static str) -> Result<()> {
    let port = target.api().and_then(|api| api.mutants);
    let port = port.context("the server has no mutants: `cargo xtask verify-isolation --prove`")?;
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        writeln!(stream, "{name}")?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        ensure!(answer.trim() == name, "the server answered {answer:?} to {name}");
        Ok(())
    })
    .await?
}
