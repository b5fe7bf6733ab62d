use std::time::{Duration, Instant};

use restartix_kernel::{RandomExt, SystemRandom};

use super::support::{World, dump, killed_after};

/// How often it is killed.
const KILLS: u32 = 30;
const LOAD: [&str; 2] = ["migrate-legacy", "load"];

/// A load that is killed at thirty random points and started again comes to what an undisturbed one
/// comes to, row by row; and one more changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_is_killed_at_thirty_points_ends_as_one_that_was_not() {
    let world = World::new(2_000).await;
    let undisturbed = world.platform_copy().await;
    let begun = Instant::now();
    let output = world.command_on(&undisturbed, &LOAD).output().unwrap();
    let took = begun.elapsed();
    assert!(output.status.success(), "{output:?}");
    let expected = dump(&undisturbed).await;
    assert!(expected.lines().filter(|line| line.starts_with("appointments ")).count() == 2_000);
    assert!(expected.lines().filter(|line| line.starts_with("files ")).count() == 40);

    let (mut kills, mut platforms) = (0, 0);
    while kills < KILLS {
        let platform = world.platform_copy().await;
        platforms += 1;
        // Each is killed at points that lie further and further: until the end, whatever it resumes.
        let mut ended = false;
        while !ended {
            let share = u64::from(SystemRandom.below(1000));
            let wait =
                Duration::from_micros(u64::try_from(took.as_micros()).unwrap() * share / 1000);
            let killed = kills < KILLS && killed_after(world.command_on(&platform, &LOAD), wait);
            kills += u32::from(killed);
            ended = !killed;
        }
        let output = world.command_on(&platform, &LOAD).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(dump(&platform).await, expected, "platform {platforms}, after {kills} kills");
    }
    // Once more, from the beginning.
    restartix_testkit::sql(
        &undisturbed,
        "UPDATE legacy.run SET staged_at = NULL, loaded_at = NULL",
    )
    .await
    .unwrap();
    let output = world.command_on(&undisturbed, &LOAD).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(dump(&undisturbed).await, expected);
}
