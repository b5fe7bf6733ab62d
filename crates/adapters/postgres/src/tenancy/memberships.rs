use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::dsl::{exists, now};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{MembershipId, Page, PageRequest, PersonId, StoreError, UserId};
use restartix_tenancy::{
    Change, Choice, Enrolled, Enrolment, Memberships, Role, Session, Subject, Version,
};
use uuid::Uuid;

use crate::call::definer_call;
use crate::error::{store_error, unreadable};
use crate::schema::{memberships, people, specialists};
use crate::unit::{PgWork, after, changed, versions};

definer_call! {
    /// The user behind a subject, made when new.
    EnlistUser<'a> {
        user: &'a Uuid => SqlUuid,
        subject: &'a str => Text,
    } = "enlist_user" -> SqlUuid
}

definer_call! {
    /// Makes an organisation the current one.
    ChooseOrganization<'a> {
        user: &'a Uuid => SqlUuid,
        session: Option<&'a str> => Nullable<Text>,
        organisation: i64 => BigInt,
        now: DateTime<Utc> => Timestamptz,
    } = "choose_organization" -> Bool
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = memberships)]
struct MembershipRow {
    id: Uuid,
    person_id: Uuid,
    subject: String,
    role: String,
    version: i32,
}

impl TryFrom<MembershipRow> for Enrolment {
    type Error = StoreError;

    fn try_from(row: MembershipRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: MembershipId::from_uuid(row.id),
            person: PersonId::from_uuid(row.person_id),
            subject: Subject::new(&row.subject).map_err(|_| unreadable("memberships.subject"))?,
            role: row.role.parse().map_err(|_| unreadable("memberships.role"))?,
            version: Version::new(row.version).ok_or_else(|| unreadable("memberships.version"))?,
        })
    }
}

impl PgWork {
    /// A specialist's calendar appears with the role, and rests without it.
    async fn bring_calendar(&mut self, person: PersonId, role: Role) -> Result<(), StoreError> {
        let org_id = self.org_id();
        if role == Role::Specialist {
            let calendar = people::table.find((org_id, person.as_uuid())).select((
                people::org_id,
                people::id,
                people::timezone,
            ));
            diesel::insert_into(specialists::table)
                .values(calendar)
                .into_columns((specialists::org_id, specialists::id, specialists::timezone))
                .on_conflict((specialists::org_id, specialists::id))
                .do_update()
                .set(specialists::active.eq(true))
                .execute(self.tx())
                .await
        } else {
            diesel::update(specialists::table.find((org_id, person.as_uuid())))
                .set(specialists::active.eq(false))
                .execute(self.tx())
                .await
        }
        .map_err(store_error)?;
        Ok(())
    }
}

#[async_trait]
impl Memberships for PgWork {
    async fn list(&mut self, page: &PageRequest) -> Result<Page<Enrolment>, StoreError> {
        let mut query = memberships::table.filter(memberships::ended_at.is_null()).into_boxed();
        if let Some(id) = after::<Uuid>(page)? {
            query = query.filter(memberships::id.gt(id));
        }
        let rows: Vec<MembershipRow> = query
            .order(memberships::id)
            .limit(page.limit.one_more())
            .select(MembershipRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let members: Result<Vec<Enrolment>, _> =
            rows.into_iter().map(Enrolment::try_from).collect();
        Ok(Page::of_one_more(members?, page.limit, |member| member.id.to_string()))
    }

    async fn find(&mut self, id: MembershipId) -> Result<Option<Enrolment>, StoreError> {
        let row: Option<MembershipRow> = memberships::table
            .filter(memberships::id.eq(id.as_uuid()))
            .filter(memberships::ended_at.is_null())
            .select(MembershipRow::as_select())
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        row.map(Enrolment::try_from).transpose()
    }

    async fn add(&mut self, enrolment: &Enrolment, fresh: UserId) -> Result<Enrolled, StoreError> {
        let org_id = self.org_id();
        let known = people::table.find((org_id, enrolment.person.as_uuid()));
        let known: bool =
            diesel::select(exists(known)).get_result(self.tx()).await.map_err(store_error)?;
        if !known {
            return Ok(Enrolled::NoSuchPerson);
        }
        let user: Uuid = EnlistUser { user: &fresh.as_uuid(), subject: enrolment.subject.as_str() }
            .get_result(self.tx())
            .await
            .map_err(store_error)?;
        let rows = diesel::insert_into(memberships::table)
            .values((
                memberships::org_id.eq(org_id),
                memberships::id.eq(enrolment.id.as_uuid()),
                memberships::person_id.eq(enrolment.person.as_uuid()),
                memberships::user_id.eq(user),
                memberships::subject.eq(enrolment.subject.as_str()),
                memberships::role.eq(enrolment.role.as_str()),
                memberships::version.eq(enrolment.version.get()),
            ))
            .on_conflict_do_nothing()
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        if rows == 0 {
            return Ok(Enrolled::AlreadyMember);
        }
        self.bring_calendar(enrolment.person, enrolment.role).await?;
        Ok(Enrolled::Made)
    }

    async fn set_role(
        &mut self,
        id: MembershipId,
        role: Role,
        seen: Option<Version>,
    ) -> Result<Change, StoreError> {
        let (least, most) = versions(seen);
        let person: Option<Uuid> = diesel::update(memberships::table)
            .filter(memberships::id.eq(id.as_uuid()))
            .filter(memberships::ended_at.is_null())
            .filter(memberships::version.between(least, most))
            .set((
                memberships::role.eq(role.as_str()),
                memberships::version.eq(memberships::version + 1),
            ))
            .returning(memberships::person_id)
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        match person {
            Some(person) => {
                self.bring_calendar(PersonId::from_uuid(person), role).await?;
                Ok(Change::Made)
            }
            None => Ok(changed(0, Memberships::find(self, id).await?.is_some())),
        }
    }

    async fn end(&mut self, id: MembershipId) -> Result<Change, StoreError> {
        let person: Option<Uuid> = diesel::update(memberships::table)
            .filter(memberships::id.eq(id.as_uuid()))
            .filter(memberships::ended_at.is_null())
            .set(memberships::ended_at.eq(now.into_sql::<Timestamptz>().nullable()))
            .returning(memberships::person_id)
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        let Some(person) = person else { return Ok(Change::Absent) };
        self.bring_calendar(PersonId::from_uuid(person), Role::Patient).await?;
        Ok(Change::Made)
    }

    async fn choose(&mut self, choice: Choice<'_>, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let call = ChooseOrganization {
            user: &choice.user.as_uuid(),
            session: choice.session.map(Session::as_str),
            organisation: self.org_id(),
            now: at,
        };
        call.get_result(self.tx()).await.map_err(store_error)
    }
}
