use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::StoreError;
use restartix_tenancy::{Change, OrgId, Organisation, Organisations, Policies, Region, Version};

use crate::error::{store_error, unreadable};
use crate::schema::organizations;
use crate::unit::{PgWork, changed, versions};

#[derive(Queryable, Selectable)]
#[diesel(table_name = organizations)]
struct OrganisationRow {
    id: i64,
    name: String,
    timezone: String,
    lead_minutes: i32,
    grace_minutes: i32,
    max_open_appointments: i32,
    start_on_arrival: bool,
    video_region: Option<String>,
    version: i32,
}

impl TryFrom<OrganisationRow> for Organisation {
    type Error = StoreError;

    fn try_from(row: OrganisationRow) -> Result<Self, StoreError> {
        let minutes = |value: i32| u16::try_from(value).map_err(|_| unreadable("organizations"));
        Ok(Self {
            id: OrgId::new(row.id).map_err(|_| unreadable("organizations.id"))?,
            name: row.name,
            timezone: row.timezone.parse().map_err(|_| unreadable("organizations.timezone"))?,
            lead_minutes: minutes(row.lead_minutes)?,
            grace_minutes: minutes(row.grace_minutes)?,
            video_region: row
                .video_region
                .map(|region| Region::new(&region))
                .transpose()
                .map_err(|_| unreadable("organizations.video_region"))?,
            policies: Policies {
                max_open_appointments: minutes(row.max_open_appointments)?,
                start_on_arrival: row.start_on_arrival,
            },
            version: Version::new(row.version)
                .ok_or_else(|| unreadable("organizations.version"))?,
        })
    }
}

#[async_trait]
impl Organisations for PgWork {
    async fn lock(&mut self) -> Result<(), StoreError> {
        organizations::table
            .find(self.org_id())
            .select(organizations::id)
            .for_no_key_update()
            .get_result::<i64>(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }

    async fn own(&mut self) -> Result<Organisation, StoreError> {
        // Row-level security shows no other; the filter says so to the reader.
        organizations::table
            .find(self.org_id())
            .select(OrganisationRow::as_select())
            .get_result(self.tx())
            .await
            .map_err(store_error)?
            .try_into()
    }

    async fn update(
        &mut self,
        organisation: &Organisation,
        seen: Option<Version>,
    ) -> Result<Change, StoreError> {
        let org_id = self.org_id();
        let (least, most) = versions(seen);
        let rows = diesel::update(organizations::table.find(org_id))
            .filter(organizations::version.between(least, most))
            .set((
                organizations::timezone.eq(organisation.timezone.name()),
                organizations::lead_minutes.eq(i32::from(organisation.lead_minutes)),
                organizations::grace_minutes.eq(i32::from(organisation.grace_minutes)),
                organizations::max_open_appointments
                    .eq(i32::from(organisation.policies.max_open_appointments)),
                organizations::video_region
                    .eq(organisation.video_region.as_ref().map(Region::as_str)),
                organizations::start_on_arrival.eq(organisation.policies.start_on_arrival),
                organizations::version.eq(organizations::version + 1),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        // The organisation of a unit of work is always there.
        Ok(changed(rows, true))
    }
}
