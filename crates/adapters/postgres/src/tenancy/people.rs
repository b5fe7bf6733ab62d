use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::{Page, PageRequest, PersonId, StoreError};
use restartix_tenancy::{Change, People, Person, Personal, Reach, Role, Version};
use restartix_workflows::Care;
use uuid::Uuid;

use crate::error::{store_error, unreadable};
use crate::schema::{care_relations, memberships, people};
use crate::transaction::TenantTx;
use crate::unit::{PgWork, after, changed, versions};

/// A person's memberships that have not ended, in one role.
#[diesel::dsl::auto_type]
pub(crate) fn memberships_in(person: Uuid, role: &'static str) -> _ {
    memberships::table
        .filter(memberships::person_id.eq(person))
        .filter(memberships::role.eq(role))
        .filter(memberships::ended_at.is_null())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = people)]
struct PersonRow {
    id: Uuid,
    display_name: String,
    email: Option<String>,
    timezone: String,
    version: i32,
}

impl TryFrom<PersonRow> for Person {
    type Error = StoreError;

    fn try_from(row: PersonRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: PersonId::from_uuid(row.id),
            display_name: Personal::new(&row.display_name)
                .map_err(|_| unreadable("people.display_name"))?,
            email: row
                .email
                .as_deref()
                .map(Personal::new)
                .transpose()
                .map_err(|_| unreadable("people.email"))?,
            timezone: row.timezone.parse().map_err(|_| unreadable("people.timezone"))?,
            version: Version::new(row.version).ok_or_else(|| unreadable("people.version"))?,
        })
    }
}

/// The people within reach, as a query that is boxed by pages and not by conditions alone.
fn within(reach: Reach) -> people::BoxedQuery<'static, diesel::pg::Pg> {
    let all = people::table.into_boxed();
    match reach {
        Reach::Organisation => all,
        Reach::Own(person) => all.filter(people::id.eq(person.as_uuid())),
        Reach::TreatedBy(specialist) => {
            let specialist = specialist.as_uuid();
            let treated = care_relations::table
                .filter(care_relations::specialist_id.eq(specialist))
                .filter(care_relations::patient_id.eq(people::id))
                .filter(care_relations::valid_until.is_null());
            all.filter(people::id.eq(specialist).or(exists(treated)))
        }
    }
}

#[async_trait]
impl People for PgWork {
    async fn list(&mut self, reach: Reach, page: &PageRequest) -> Result<Page<Person>, StoreError> {
        let mut query = within(reach);
        if let Some(id) = after::<Uuid>(page)? {
            query = query.filter(people::id.gt(id));
        }
        let rows: Vec<PersonRow> = query
            .order(people::id)
            .limit(page.limit.one_more())
            .select(PersonRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let people: Result<Vec<Person>, _> = rows.into_iter().map(Person::try_from).collect();
        Ok(Page::of_one_more(people?, page.limit, |person| person.id.to_string()))
    }

    async fn find(&mut self, reach: Reach, id: PersonId) -> Result<Option<Person>, StoreError> {
        let row: Option<PersonRow> = within(reach)
            .filter(people::id.eq(id.as_uuid()))
            .select(PersonRow::as_select())
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        row.map(Person::try_from).transpose()
    }

    async fn add(&mut self, person: &Person) -> Result<(), StoreError> {
        diesel::insert_into(people::table)
            .values((
                people::org_id.eq(self.org_id()),
                people::id.eq(person.id.as_uuid()),
                people::display_name.eq(person.display_name.expose()),
                people::email.eq(person.email.as_ref().map(Personal::expose)),
                people::timezone.eq(person.timezone.name()),
                people::version.eq(person.version.get()),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }

    async fn update(
        &mut self,
        person: &Person,
        seen: Option<Version>,
    ) -> Result<Change, StoreError> {
        let key = (self.org_id(), person.id.as_uuid());
        let (least, most) = versions(seen);
        let rows = diesel::update(people::table.find(key))
            .filter(people::version.between(least, most))
            .set((
                people::display_name.eq(person.display_name.expose()),
                people::email.eq(person.email.as_ref().map(Personal::expose)),
                people::timezone.eq(person.timezone.name()),
                people::version.eq(people::version + 1),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        let there = rows > 0
            || diesel::select(exists(people::table.find(key)))
                .get_result(self.tx())
                .await
                .map_err(store_error)?;
        Ok(changed(rows, there))
    }

    async fn has_role(&mut self, id: PersonId, role: Role) -> Result<bool, StoreError> {
        let active = memberships_in(id.as_uuid(), role.as_str());
        diesel::select(exists(active)).get_result(self.tx()).await.map_err(store_error)
    }
}

/// Opens what is opened, of a transaction that is open.
pub(crate) async fn open_care(mut tx: &TenantTx, care: Option<Care>) -> Result<(), StoreError> {
    let Some(Care { specialist, patient, since }) = care else { return Ok(()) };
    diesel::insert_into(care_relations::table)
        .values((
            care_relations::org_id.eq(tx.organisation().get()),
            care_relations::specialist_id.eq(specialist.as_uuid()),
            care_relations::patient_id.eq(patient.as_uuid()),
            care_relations::valid_from.eq(since),
        ))
        .on_conflict_do_nothing()
        .execute(&mut tx)
        .await
        .map_err(store_error)?;
    Ok(())
}
