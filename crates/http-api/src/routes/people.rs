use restartix_kernel::PersonId;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;
use restartix_workflows::{NewPerson, PersonPatch};

use crate::input::{Body, IfMatch, PageQuery, PathId};
use crate::wire::{PageView, PersonBody, PersonPatchBody, PersonView};
use crate::{AuditClass, Created, Declared, Member, Problem, Reply, Roles, Route, Verb};

const READ: AuditClass = AuditClass::Read(ResourceKind::Person);
const CHANGE: AuditClass = AuditClass::Change(ResourceKind::Person);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "people.list",
                method: Verb::Get,
                path: "/v1/people",
                summary: "The people whom you may see.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::EVERYBODY,
            list,
        ),
        Route::member(
            Declared {
                operation: "people.add",
                method: Verb::Post,
                path: "/v1/people",
                summary: "Add somebody.",
                audit: CHANGE,
                rate: RateClass::Administration,
            },
            Roles::ADMINS,
            add,
        ),
        Route::member(
            Declared {
                operation: "people.get",
                method: Verb::Get,
                path: "/v1/people/{id}",
                summary: "Somebody whom you may see.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::EVERYBODY,
            get,
        ),
        Route::member(
            Declared {
                operation: "people.edit",
                method: Verb::Patch,
                path: "/v1/people/{id}",
                summary: "Change what is kept about somebody whom you may see.",
                audit: CHANGE,
                rate: RateClass::Administration,
            },
            Roles::EVERYBODY,
            edit,
        ),
    ]
}

async fn list(
    member: Member<'_>,
    PageQuery(page): PageQuery,
) -> Result<Reply<PageView<PersonView>>, Problem> {
    let people = member.api.clinic.people(member.tenant, &page).await?;
    Ok(Reply(people.into()))
}

async fn add(
    member: Member<'_>,
    Body(body): Body<PersonBody>,
) -> Result<Created<PersonView>, Problem> {
    let new = NewPerson::try_from(body)?;
    let person = member.api.clinic.add_person(member.tenant, member.act, new).await?;
    Ok(Created(person.into()))
}

async fn get(
    member: Member<'_>,
    PathId(id): PathId<PersonId>,
) -> Result<Reply<PersonView>, Problem> {
    let person = member.api.clinic.person(member.tenant, id).await?;
    Ok(Reply(person.into()))
}

async fn edit(
    member: Member<'_>,
    (PathId(id), IfMatch(seen), Body(body)): (PathId<PersonId>, IfMatch, Body<PersonPatchBody>),
) -> Result<Reply<PersonView>, Problem> {
    let Member { api, tenant, act } = member;
    let patch = PersonPatch::try_from(body)?;
    let person = api.clinic.edit_person(tenant, act, id, seen, &patch).await?;
    Ok(Reply(person.into()))
}
