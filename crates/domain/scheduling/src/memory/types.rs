use std::collections::btree_map::Entry;

use async_trait::async_trait;
use restartix_kernel::{AppointmentTypeId, Page, PageRequest, StoreError};
use restartix_tenancy::{Change, Version};

use super::clinic::{MemoryUnit, impossible, page};
use crate::{AppointmentType, AppointmentTypes};

#[async_trait]
impl AppointmentTypes for MemoryUnit {
    async fn list(&mut self, request: &PageRequest) -> Result<Page<AppointmentType>, StoreError> {
        self.with(|kept| {
            let all = kept.types.values().cloned();
            page(all, request, |kind| kind.id, |text| text.parse().ok(), |kind| kind.id.to_string())
        })
    }

    async fn find(&mut self, id: AppointmentTypeId) -> Result<Option<AppointmentType>, StoreError> {
        Ok(self.with(|kept| kept.types.get(&id).cloned()))
    }

    async fn add(&mut self, kind: &AppointmentType) -> Result<(), StoreError> {
        self.with(|kept| match kept.types.entry(kind.id) {
            Entry::Occupied(_) => Err(impossible("an appointment type is added twice")),
            Entry::Vacant(place) => {
                place.insert(kind.clone());
                Ok(())
            }
        })
    }

    async fn update(
        &mut self,
        kind: &AppointmentType,
        seen: Option<Version>,
    ) -> Result<Change, StoreError> {
        Ok(self.with(|kept| match kept.types.get_mut(&kind.id) {
            None => Change::Absent,
            Some(there) if seen.is_some_and(|seen| seen != there.version) => Change::Stale,
            Some(there) => {
                there.clone_from(kind);
                Change::Made
            }
        }))
    }

    async fn retire(&mut self, id: AppointmentTypeId) -> Result<Change, StoreError> {
        let gone = self.with(|kept| kept.types.remove(&id));
        Ok(if gone.is_some() { Change::Made } else { Change::Absent })
    }
}
