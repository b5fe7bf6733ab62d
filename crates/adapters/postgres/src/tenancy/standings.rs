//! Who stands behind a subject: asked by every request, and so for many at once.

use std::sync::Arc;

use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{PersonId, StoreError, UserId};
use restartix_tenancy::{CurrentMembership, DirectoryError, OrgId, Session, Standing, Subject};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::database::seat;
use crate::error::{store_error, unreadable};
use crate::gather::{Lanes, Shift};

definer_call! {
    /// Who stands behind each subject, and where they act now.
    ResolvePrincipals<'a> {
        subjects: &'a [&'a str] => Array<Text>,
        sessions: &'a [Option<&'a str>] => Array<Nullable<Text>>,
    } = "resolve_principals"
      -> (BigInt, SqlUuid, Nullable<BigInt>, Nullable<Text>, Nullable<SqlUuid>, Nullable<Text>)
}

type Row = (i64, Uuid, Option<i64>, Option<String>, Option<Uuid>, Option<String>);
type Answer = Result<Option<Standing>, DirectoryError>;

/// Resolves principals, several by one statement where several ask at once. Nothing is remembered:
/// each is answered by a statement that began after they had asked.
#[derive(Clone)]
pub(super) struct Standings {
    database: Database,
    lanes: Lanes<Question>,
}

struct Question {
    subject: Subject,
    session: Option<Session>,
    answer: oneshot::Sender<Answer>,
}

/// Subjects in one statement at most.
const TOGETHER: usize = 128;

impl Standings {
    pub(super) fn new(database: Database) -> Self {
        let lanes = Lanes::new(database.shards());
        Self { database, lanes }
    }

    /// Who stands behind `subject`, and where they act now, if anybody.
    pub(super) async fn find(&self, subject: &Subject, session: Option<&Session>) -> Answer {
        let (answer, told) = oneshot::channel();
        let question = Question { subject: subject.clone(), session: session.cloned(), answer };
        let shift = self.lanes.push(seat(), question).map_err(|e| DirectoryError(e.into()))?;
        if let Some(shift) = shift {
            // A task, because whoever asked first may go away while others still wait.
            tokio::spawn(work(self.database.clone(), shift));
        }
        told.await.map_err(|gone| DirectoryError(gone.into()))?
    }
}

async fn work(database: Database, mut shift: Shift<Question>) {
    while let Some(mut questions) = shift.next(TOGETHER) {
        questions.retain(|question| !question.answer.is_closed());
        match resolve(&database, &questions).await {
            Ok(answers) => {
                for (question, answer) in questions.into_iter().zip(answers) {
                    // Whoever has gone away needs no answer.
                    let _ = question.answer.send(answer);
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for question in questions {
                    let failed = DirectoryError(Box::new(Arc::clone(&error)));
                    let _ = question.answer.send(Err(failed));
                }
            }
        }
    }
}

/// The answer to each question, in their order.
async fn resolve(database: &Database, questions: &[Question]) -> Result<Vec<Answer>, StoreError> {
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    let subjects: Vec<_> = questions.iter().map(|question| question.subject.as_str()).collect();
    let sessions: Vec<_> =
        questions.iter().map(|question| question.session.as_ref().map(Session::as_str)).collect();
    let mut connection = database.connection().await?;
    let call = ResolvePrincipals { subjects: &subjects, sessions: &sessions };
    let rows: Vec<Row> = call.load(&mut connection).await.map_err(store_error)?;
    let mut answers: Vec<Answer> = questions.iter().map(|_| Ok(None)).collect();
    for row in rows {
        let place = usize::try_from(row.0).ok().and_then(|ordinal| ordinal.checked_sub(1));
        let answer = place.and_then(|place| answers.get_mut(place));
        // Nobody asked: then no row can be trusted to be whose it says.
        *answer.ok_or_else(|| unreadable("ordinal"))? =
            standing(row).map(Some).map_err(|error| DirectoryError(Box::new(error)));
    }
    Ok(answers)
}

fn standing((_, user, organisation, status, person, role): Row) -> Result<Standing, StoreError> {
    let current = match (organisation, status.as_deref(), person, role) {
        (Some(_), Some("suspended"), Some(_), Some(_)) => CurrentMembership::Suspended,
        (Some(organisation), Some(_), Some(person), Some(role)) => CurrentMembership::Active {
            organisation: OrgId::new(organisation).map_err(|_| unreadable("organizations.id"))?,
            person: PersonId::from_uuid(person),
            role: role.parse().map_err(|_| unreadable("memberships.role"))?,
        },
        _ => CurrentMembership::None,
    };
    Ok(Standing { user: UserId::from_uuid(user), current })
}
