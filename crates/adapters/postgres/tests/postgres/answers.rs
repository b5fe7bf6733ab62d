//! Answers are kept for whoever may ask again, for a day, and for nobody else.

use crate::support::{add_member, sign_in, three_clinics};
use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{EventId, ManualClock, SeededRandom};
use restartix_postgres::{PgExpiredAnswers, PgUnits};
use restartix_telemetry::Operation;
use restartix_tenancy::{Principal, Role};
use restartix_testkit::{TestDatabase, audit_line};
use restartix_workflows::{Access, AnswerKey, ExpiredAnswers, UnitOfWork, Work};

const BOOK: Operation = Operation::new("appointments.book");
const DAY: TimeDelta = TimeDelta::hours(24);

struct Scene {
    database: TestDatabase,
    units: PgUnits,
    random: SeededRandom,
    now: DateTime<Utc>,
}

impl Scene {
    async fn new() -> Result<Self> {
        let (database, random) = (three_clinics().await?, SeededRandom::new(1));
        for (clinic, subject) in [(1, "admin-1"), (1, "other-1"), (2, "admin-2")] {
            add_member(&database, clinic, subject, Role::Admin, &random).await?;
        }
        let units = PgUnits::new(database.pool("core_app", 4)?);
        Ok(Self { database, units, random, now: "2026-03-02T08:00:00Z".parse()? })
    }

    async fn change(&self, who: &Principal) -> Result<Box<dyn Work>> {
        Ok(self.units.begin(who.tenant()?, Access::Change).await?)
    }

    async fn commit(&self, mut work: Box<dyn Work>) -> Result<()> {
        let id = EventId::fresh(&ManualClock::at(self.now), &self.random);
        work.audit().record(audit_line(id, self.now)).await?;
        Ok(work.commit().await?)
    }

    /// Claims, and keeps `answer` when nothing was kept; what was.
    async fn ask(
        &self,
        who: &Principal,
        key: &AnswerKey,
        now: DateTime<Utc>,
        answer: &[u8],
    ) -> Result<Option<Vec<u8>>> {
        let mut work = self.change(who).await?;
        let kept = work.answers().claim(key, now, now + DAY).await?;
        if kept.is_none() {
            work.answers().keep(key, answer).await?;
            self.commit(work).await?;
        } else {
            work.roll_back().await?;
        }
        Ok(kept)
    }
}

#[tokio::test]
async fn an_answer_is_its_askers_own_for_a_day() -> Result<()> {
    let scene = Scene::new().await?;
    let (one, two) =
        (sign_in(&scene.database, "admin-1").await?, sign_in(&scene.database, "admin-2").await?);
    let other = sign_in(&scene.database, "other-1").await?;
    let key = AnswerKey::new(BOOK, "a-key");
    assert_eq!(scene.ask(&one, &key, scene.now, b"first").await?, None);
    assert_eq!(scene.ask(&one, &key, scene.now, b"second").await?.as_deref(), Some(&b"first"[..]));
    let elsewhere = AnswerKey::new(Operation::new("people.add"), "a-key");
    for (who, key) in [(&other, key), (&two, key), (&one, elsewhere)] {
        assert_eq!(scene.ask(who, &key, scene.now, b"theirs").await?, None);
    }
    let nearly = scene.now + DAY - TimeDelta::seconds(1);
    assert_eq!(scene.ask(&one, &key, nearly, b"late").await?.as_deref(), Some(&b"first"[..]));
    assert_eq!(scene.ask(&one, &key, scene.now + DAY, b"next day").await?, None);
    let after = scene.now + DAY + TimeDelta::hours(1);
    assert_eq!(scene.ask(&one, &key, after, b"late").await?.as_deref(), Some(&b"next day"[..]));
    Ok(())
}

#[tokio::test]
async fn a_twin_waits_for_the_end_of_the_first_whatever_it_is() -> Result<()> {
    let scene = Scene::new().await?;
    let one = sign_in(&scene.database, "admin-1").await?;
    for made in [false, true] {
        let key = AnswerKey::new(BOOK, if made { "made" } else { "undone" });
        let mut first = scene.change(&one).await?;
        assert_eq!(first.answers().claim(&key, scene.now, scene.now + DAY).await?, None);
        let mut second = scene.change(&one).await?;
        let (kept, ()) = tokio::join!(
            async { second.answers().claim(&key, scene.now, scene.now + DAY).await.unwrap() },
            async {
                scene.database.wait_until_somebody_waits().await.unwrap();
                if made {
                    first.answers().keep(&key, b"first").await.unwrap();
                    scene.commit(first).await.unwrap();
                } else {
                    first.roll_back().await.unwrap();
                }
            },
        );
        assert_eq!(kept.as_deref(), made.then_some(&b"first"[..]));
        second.roll_back().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_has_expired_is_forgotten_and_nothing_else() -> Result<()> {
    let scene = Scene::new().await?;
    let one = sign_in(&scene.database, "admin-1").await?;
    let two = sign_in(&scene.database, "admin-2").await?;
    for (number, who) in [&one, &two, &one, &two, &one].into_iter().enumerate() {
        let key = AnswerKey::new(BOOK, &number.to_string());
        let at = scene.now + TimeDelta::hours(i64::try_from(number)?);
        assert_eq!(scene.ask(who, &key, at, b"kept").await?, None);
    }
    let expired = PgExpiredAnswers::new(scene.database.pool("core_worker", 1)?);
    let at = scene.now + DAY + TimeDelta::hours(2);
    assert_eq!(expired.forget(at, 2).await?, 2, "so many at most");
    assert_eq!(expired.forget(at, 2).await?, 1);
    assert_eq!(expired.forget(at, 2).await?, 0);
    let last = AnswerKey::new(BOOK, "4");
    assert!(scene.ask(&one, &last, at, b"again").await?.is_some(), "one that has not expired");
    Ok(())
}
