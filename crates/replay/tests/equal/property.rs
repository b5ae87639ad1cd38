//! The property, with as many cases as are asked for.

use std::{
    hash::{BuildHasher as _, RandomState},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Once,
    time::Instant,
};

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use crate::{
    case::{Case, Course, case},
    case_folder,
    events::{Act, acts},
    moments::{self, Model},
    place::{LogKind, Positions},
    seen::{Kin, differences, see},
    ways::{Ended, Plain, carry_out},
};

/// Few enough that these tests take less than a minute; `HEADWATER_PROPERTY_CASES` asks for more.
const CASES: u64 = 2;
/// The number of the first case; the others follow. `HEADWATER_PROPERTY_SEED` names it.
const SEED: &str = "HEADWATER_PROPERTY_SEED";
/// How many cases there are.
pub(crate) const CASES_ASKED: &str = "HEADWATER_PROPERTY_CASES";
/// How long a failing case is made smaller.
const SHRINK_MS_MAX: u32 = 240_000;
const SHRINKS_MAX: u32 = 1_000;

#[test]
fn every_way_gives_the_same_on_embedded() {
    run(LogKind::Embedded, "every_way_gives_the_same_on_embedded");
}

#[test]
fn every_way_gives_the_same_on_kafka() {
    run(LogKind::Kafka, "every_way_gives_the_same_on_kafka");
}

fn run(log: LogKind, test: &str) {
    let cases = asked(CASES_ASKED).unwrap_or(CASES);
    let first = asked(SEED).unwrap_or_else(|| RandomState::new().hash_one(0) >> 16);
    let started = Instant::now();
    for seed in first..first + cases {
        let config = Config {
            cases: 1,
            rng_seed: RngSeed::Fixed(seed),
            failure_persistence: None,
            max_shrink_time: SHRINK_MS_MAX,
            max_shrink_iters: SHRINKS_MAX,
            ..Config::default()
        };
        let began = Instant::now();
        let first_failure = Once::new();
        let found = TestRunner::new(config).run(&case(log), |case| {
            let checked = check(&case);
            if let Err(why) = &checked {
                // Before it is made smaller, which takes its time.
                first_failure.call_once(|| println!("{SEED}={seed} fails: {why}"));
            }
            checked.map_err(TestCaseError::fail)
        });
        match found {
            Ok(()) => println!("case {seed}: {:.1} s", began.elapsed().as_secs_f64()),
            Err(TestError::Fail(why, case)) => {
                let folder = case_folder::write(seed, &why.to_string(), &acts(&case.steps));
                panic!(
                    "{why}\n\nthe smallest case that fails: {case:#?}\n\nits events as a case of \
                     replay-tests: {}\n\nto repeat it: {SEED}={seed} {CASES_ASKED}=1 \
                     cargo test --workspace --test equal {test}",
                    folder.display()
                )
            }
            Err(error @ TestError::Abort(_)) => panic!("case {seed}: {error}"),
        }
    }
    println!("{test}: {cases} cases from {first} on, {:.0} s", started.elapsed().as_secs_f64());
}

fn asked(name: &str) -> Option<u64> {
    let asked = std::env::var(name).ok()?;
    Some(asked.parse().unwrap_or_else(|_| panic!("{name} is {asked:?}, expected a number")))
}

/// Checks one case; what is wrong, in words.
fn check(case: &Case) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let told = catch_unwind(AssertUnwindSafe(|| runtime.block_on(told(case))));
    runtime.shutdown_background();
    let told = told.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        vec![text.unwrap_or_else(|| "a panic, told above".to_owned())]
    });
    if told.is_empty() { Ok(()) } else { Err(told.join("\n")) }
}

async fn told(case: &Case) -> Vec<String> {
    let acts = acts(&case.steps);
    let looks = case.moments.of(&acts);
    let one = Plain::carried_out(1, &acts, &looks).await;
    let four = Plain::carried_out(4, &acts, &looks).await;
    let mut told = Vec::new();
    for (at, seen) in &one.seen {
        let differ = differences(seen, &four.seen[at], Kin::Events);
        told.extend(differ.into_iter().map(|what| format!("1 and 4 partitions, act {at}: {what}")));
    }
    told.extend(answers(&acts, &one.ended, &four.ended));
    let mut models = Vec::new();
    for plain in [&one, &four] {
        let partitions = plain.ended.place.partitions;
        let now = plain.ended.place.moment().await;
        let mut differ = moments::compare(&plain.ended, &now, plain, &looks, Kin::Records).await;
        for shares in &case.moments.anywhere {
            let positions = moments::positions(&plain.ended, shares);
            let model = Model::at(&plain.ended.place, positions).await;
            differ.extend(model.compare(&plain.ended.place, &now).await);
            models.push((partitions, model));
        }
        differ.extend(moments::told(&plain.ended.place, Positions::new()).await);
        told.extend(differ.into_iter().map(|what| format!("{partitions} partitions: {what}")));
    }
    for way in &case.ways {
        let plain = if way.partitions == 1 { &one } else { &four };
        let ended = carry_out(way, &acts, &looks, plain).await;
        let carried = matches!(way.course, Course::Carried { .. });
        let kin = if carried { Kin::Records } else { Kin::Partitions };
        let now = ended.place.moment().await;
        let mut differ = differences(&plain.seen[&acts.len()], &see(&now).await, kin);
        differ.extend(answers(&acts, &plain.ended, &ended));
        differ.extend(moments::compare(&ended, &now, plain, &looks, kin).await);
        for (_, model) in models.iter().filter(|(p, _)| carried && *p == way.partitions) {
            differ.extend(model.compare(&ended.place, &now).await);
        }
        differ.extend(moments::told(&ended.place, Positions::new()).await);
        for shares in &case.moments.anywhere {
            let positions = moments::positions(&ended, shares);
            differ.extend(moments::verify_at(&ended.place, &now, positions).await);
        }
        told.extend(differ.into_iter().map(|what| format!("{way:?}: {what}")));
    }
    told
}

/// Which callers were told something else.
fn answers(acts: &[Act], a: &Ended, b: &Ended) -> Vec<String> {
    let both = a.answers.iter().filter_map(|(at, left)| Some((at, left, b.answers.get(at)?)));
    both.filter(|(_, left, right)| left != right)
        .map(|(at, left, right)| format!("{:?}: {left:?} and {right:?}", acts[*at]))
        .collect()
}
