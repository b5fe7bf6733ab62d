//! What every [`Holds`] must do.

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{AppointmentTypeId, Clock, HoldId, PersonId, Random};
use restartix_tenancy::Tenant;

use crate::engine::{Minutes, Window};
use crate::{Hold, HoldError, Holds, Slot};

/// Where and when the rules are tried; the instants of all rules follow from `clock`.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// Two organisations.
    pub tenants: [&'a Tenant; 2],
    /// By which holds expire; it need not be anybody else's.
    pub clock: &'a dyn Clock,
    /// Of which ids are made.
    pub random: &'a dyn Random,
}

impl Scene<'_> {
    fn id(&self) -> HoldId {
        HoldId::fresh(self.clock, self.random)
    }

    fn person(&self) -> PersonId {
        PersonId::fresh(self.random)
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A slot of half an hour of a new type with a new specialist, with buffers of 5 and 10
    /// minutes: its footprint is of 45.
    pub fn slot(&self) -> Slot {
        let starts_at = self.now() + TimeDelta::days(1);
        Slot {
            appointment_type: AppointmentTypeId::fresh(self.clock, self.random),
            specialist: self.person(),
            starts_at,
            ends_at: starts_at + TimeDelta::minutes(30),
            buffer_before: Minutes::new(5).unwrap(),
            buffer_after: Minutes::new(10).unwrap(),
        }
    }
}

/// The same slot, later.
pub fn later(slot: &Slot, minutes: i64) -> Slot {
    let step = TimeDelta::minutes(minutes);
    Slot { starts_at: slot.starts_at + step, ends_at: slot.ends_at + step, ..*slot }
}

/// Every rule below.
pub async fn all(holds: &dyn Holds, scene: Scene<'_>) {
    the_same_slot_is_the_same_hold(holds, scene).await;
    a_holder_has_one_live_hold_per_type(holds, scene).await;
    footprints_that_meet_exclude_each_other(holds, scene).await;
    an_expired_hold_keeps_nobody_out_and_is_still_found(holds, scene).await;
    a_hold_is_renewed_twice(holds, scene).await;
    a_released_hold_is_gone(holds, scene).await;
    live_holds_are_listed_by_specialist_and_range(holds, scene).await;
    organisations_do_not_see_each_other(holds, scene).await;
}

/// Asked again by its owner, with another id and later, a live hold is answered unchanged.
pub async fn the_same_slot_is_the_same_hold(holds: &dyn Holds, scene: Scene<'_>) {
    let ([tenant, _], slot, owner, now) =
        (scene.tenants, scene.slot(), scene.person(), scene.now());
    let id = scene.id();
    let hold = holds.acquire(tenant, id, &slot, owner, now).await.unwrap();
    let expected = Hold { id, slot, owner, expires_at: now + Hold::LIFETIME };
    assert_eq!(hold, expected, "a hold is what was asked for");
    let soon = now + TimeDelta::minutes(3);
    let again = holds.acquire(tenant, scene.id(), &slot, owner, soon).await.unwrap();
    assert_eq!(again, hold, "the same owner and slot is another hold");
    assert_eq!(holds.find(tenant, id, owner).await.unwrap(), Some(hold));
    assert_eq!(holds.find(tenant, id, scene.person()).await.unwrap(), None, "not the owner's");
    assert_eq!(holds.find(tenant, scene.id(), owner).await.unwrap(), None, "never given");
}

/// A new slot of the same type lets the earlier one go, with whomever it was; a refusal does not,
/// and neither does a hold of another type.
pub async fn a_holder_has_one_live_hold_per_type(holds: &dyn Holds, scene: Scene<'_>) {
    let ([tenant, _], owner, other, now) =
        (scene.tenants, scene.person(), scene.person(), scene.now());
    let (slot, elsewhere) = (scene.slot(), scene.slot());
    let first = holds.acquire(tenant, scene.id(), &slot, owner, now).await.unwrap();
    let apart = holds.acquire(tenant, scene.id(), &elsewhere, owner, now).await.unwrap();
    let taken = later(&slot, 120);
    holds.acquire(tenant, scene.id(), &taken, other, now).await.unwrap();
    let refused = holds.acquire(tenant, scene.id(), &taken, owner, now).await;
    assert!(matches!(refused, Err(HoldError::Taken)));
    let kept = holds.find(tenant, first.id, owner).await.unwrap();
    assert_eq!(kept, Some(first), "a refused hold cost its owner the earlier one");

    for next in [later(&slot, 10), Slot { specialist: scene.person(), ..slot }] {
        let earlier = holds.live(tenant, &[slot.specialist], slot.footprint(), now).await.unwrap();
        let moved = holds.acquire(tenant, scene.id(), &next, owner, now).await.unwrap();
        assert_eq!(moved.slot, next);
        for hold in earlier.iter().filter(|hold| hold.owner == owner) {
            let gone = holds.find(tenant, hold.id, owner).await.unwrap();
            assert_eq!(gone, None, "the earlier hold of the type is still there");
        }
    }
    holds.acquire(tenant, scene.id(), &slot, other, now).await.unwrap();
    let kept = holds.find(tenant, apart.id, owner).await.unwrap();
    assert_eq!(kept, Some(apart), "a hold of another type was let go");
}

/// Somebody else's slot of the same specialist is refused when the footprints meet, whatever the
/// type; not when they touch, not with another specialist, and not against one's own hold.
pub async fn footprints_that_meet_exclude_each_other(holds: &dyn Holds, scene: Scene<'_>) {
    let ([tenant, _], slot, owner, now) =
        (scene.tenants, scene.slot(), scene.person(), scene.now());
    holds.acquire(tenant, scene.id(), &slot, owner, now).await.unwrap();
    let other_type = Slot { appointment_type: scene.slot().appointment_type, ..slot };
    for meets in [slot, other_type, later(&slot, 44), later(&slot, -44), later(&other_type, 1)] {
        let refused = holds.acquire(tenant, scene.id(), &meets, scene.person(), now).await;
        assert!(matches!(refused, Err(HoldError::Taken)), "{meets:?} meets {slot:?}");
    }
    for touches in [later(&slot, 45), later(&other_type, -45)] {
        holds.acquire(tenant, scene.id(), &touches, scene.person(), now).await.unwrap();
    }
    let elsewhere = Slot { specialist: scene.person(), ..slot };
    holds.acquire(tenant, scene.id(), &elsewhere, scene.person(), now).await.unwrap();
    holds.acquire(tenant, scene.id(), &other_type, owner, now).await.unwrap();
}

/// After its lifetime a hold excludes nobody, cannot be renewed, and is found for an afterlife.
pub async fn an_expired_hold_keeps_nobody_out_and_is_still_found(
    holds: &dyn Holds,
    scene: Scene<'_>,
) {
    let ([tenant, _], slot, owner, now) =
        (scene.tenants, scene.slot(), scene.person(), scene.now());
    let hold = holds.acquire(tenant, scene.id(), &slot, owner, now).await.unwrap();
    let before = hold.expires_at - TimeDelta::seconds(1);
    let refused = holds.acquire(tenant, scene.id(), &slot, scene.person(), before).await;
    assert!(matches!(refused, Err(HoldError::Taken)), "a live hold was passed over");

    let over = hold.expires_at;
    let other = holds.acquire(tenant, scene.id(), &slot, scene.person(), over).await.unwrap();
    assert_eq!(other.expires_at, over + Hold::LIFETIME);
    let late = holds.renew(tenant, hold.id, owner, over).await;
    assert!(matches!(late, Err(HoldError::NotFound)), "an expired hold was renewed");
    let found = holds.find(tenant, hold.id, owner).await.unwrap();
    assert_eq!(found, Some(hold), "a late confirm is not understood");

    let free = later(&slot, 300);
    let lapsed = holds.acquire(tenant, scene.id(), &free, owner, now).await.unwrap();
    let anew = holds.acquire(tenant, scene.id(), &free, owner, over).await.unwrap();
    assert_ne!(anew.id, lapsed.id, "an expired hold is given again");
    assert_eq!(anew.expires_at, over + Hold::LIFETIME);
}

/// A live hold gets a new lifetime, from now, as often as allowed, and for its owner alone.
pub async fn a_hold_is_renewed_twice(holds: &dyn Holds, scene: Scene<'_>) {
    let ([tenant, _], slot, owner, now) =
        (scene.tenants, scene.slot(), scene.person(), scene.now());
    let hold = holds.acquire(tenant, scene.id(), &slot, owner, now).await.unwrap();
    for (id, who) in [(hold.id, scene.person()), (scene.id(), owner)] {
        let refused = holds.renew(tenant, id, who, now).await;
        assert!(matches!(refused, Err(HoldError::NotFound)), "a stranger's hold was renewed");
    }
    for renewal in 1..=i64::from(Hold::RENEWALS) {
        let then = now + TimeDelta::minutes(9 * renewal);
        let renewed = holds.renew(tenant, hold.id, owner, then).await.unwrap();
        assert_eq!(renewed, Hold { expires_at: then + Hold::LIFETIME, ..hold });
        assert_eq!(holds.find(tenant, hold.id, owner).await.unwrap(), Some(renewed));
        let refused = holds.acquire(tenant, scene.id(), &slot, scene.person(), then).await;
        assert!(matches!(refused, Err(HoldError::Taken)), "a renewed hold was passed over");
    }
    let then = now + TimeDelta::minutes(20);
    let refused = holds.renew(tenant, hold.id, owner, then).await;
    assert!(matches!(refused, Err(HoldError::Exhausted)), "renewed without end");
}

/// Only its owner lets a hold go, once; then the time is free, and the owner may hold it anew.
pub async fn a_released_hold_is_gone(holds: &dyn Holds, scene: Scene<'_>) {
    let ([tenant, _], slot, owner, now) =
        (scene.tenants, scene.slot(), scene.person(), scene.now());
    let hold = holds.acquire(tenant, scene.id(), &slot, owner, now).await.unwrap();
    let refused = holds.release(tenant, hold.id, scene.person()).await;
    assert!(matches!(refused, Err(HoldError::NotFound)), "a stranger let a hold go");
    holds.release(tenant, hold.id, owner).await.unwrap();
    assert_eq!(holds.find(tenant, hold.id, owner).await.unwrap(), None);
    let twice = holds.release(tenant, hold.id, owner).await;
    assert!(matches!(twice, Err(HoldError::NotFound)), "let go twice");
    let other = scene.person();
    let next = holds.acquire(tenant, scene.id(), &slot, other, now).await.unwrap();
    holds.release(tenant, next.id, other).await.unwrap();
    let anew = holds.acquire(tenant, scene.id(), &slot, owner, now).await.unwrap();
    assert_ne!(anew.id, hold.id);
}

/// Live holds are told by specialist, by footprint, and while they live.
pub async fn live_holds_are_listed_by_specialist_and_range(holds: &dyn Holds, scene: Scene<'_>) {
    let ([tenant, _], now) = (scene.tenants, scene.now());
    let (one, two) = (scene.slot(), scene.slot());
    let mut kept = Vec::new();
    for slot in [one, later(&one, 60), two] {
        kept.push(holds.acquire(tenant, scene.id(), &slot, scene.person(), now).await.unwrap());
    }
    kept.sort_by_key(|hold| hold.id);
    let live = async |who: &[PersonId], range, now| {
        let mut live = holds.live(tenant, who, range, now).await.unwrap();
        live.sort_by_key(|hold| hold.id);
        live
    };
    let day = Window { starts_at: now, ends_at: now + TimeDelta::days(2) };
    let both = [one.specialist, two.specialist];
    assert_eq!(live(&both, day, now).await, kept, "all of both");
    let of_two = kept.iter().copied().filter(|hold| hold.slot == two).collect::<Vec<_>>();
    assert_eq!(live(&[two.specialist, scene.person()], day, now).await, of_two);
    assert_eq!(live(&[], day, now).await, [], "nobody asked about");

    let footprint = one.footprint();
    let touching = Window { starts_at: footprint.ends_at, ends_at: footprint.ends_at };
    assert_eq!(live(&both[..1], touching, now).await, [], "a range that the footprint touches");
    let minute = TimeDelta::minutes(1);
    let meeting = Window { starts_at: footprint.ends_at - minute, ..touching };
    let of_one = kept.iter().copied().filter(|hold| hold.slot == one).collect::<Vec<_>>();
    assert_eq!(live(&both[..1], meeting, now).await, of_one, "a range that a buffer reaches");
    assert_eq!(live(&both, day, now + Hold::LIFETIME).await, [], "expired holds are no holds");
}

/// What one organisation holds, another neither sees nor feels.
pub async fn organisations_do_not_see_each_other(holds: &dyn Holds, scene: Scene<'_>) {
    let ([one, two], slot, owner, now) = (scene.tenants, scene.slot(), scene.person(), scene.now());
    let hold = holds.acquire(one, scene.id(), &slot, owner, now).await.unwrap();
    assert_eq!(holds.find(two, hold.id, owner).await.unwrap(), None);
    let renewed = holds.renew(two, hold.id, owner, now).await;
    assert!(matches!(renewed, Err(HoldError::NotFound)), "another organisation's hold");
    let released = holds.release(two, hold.id, owner).await;
    assert!(matches!(released, Err(HoldError::NotFound)), "another organisation's hold");
    let seen = holds.live(two, &[slot.specialist], slot.footprint(), now).await.unwrap();
    assert_eq!(seen, [], "another organisation's hold");
    holds.acquire(two, scene.id(), &slot, scene.person(), now).await.unwrap();
    assert_eq!(holds.find(one, hold.id, owner).await.unwrap(), Some(hold));
}
