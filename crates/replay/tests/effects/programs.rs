//! Programs: what they are given, what they leave, and that nothing of them is left.

use crate::place::{Kind, Place, STATES, ask, click, is_empty, submit, topology, until, wait};

const EFFECTS: &str = r#"
  scores:
    description: Scores a click.
    on: app.page.clicked
    command:
      run: [sh, score.sh]
      inputs:
        score.sh:
          text: |
            pwd > where; env | sort > env.txt
            cat click.json > scores.json; echo said; echo complained >&2
        click.json: /page
      outputs: [scores.json, env.txt, where]
      env: { GREETING: hello }
  large:
    description: Leaves more than travels in an event.
    on: app.page.clicked
    command: { run: [sh, -c, 'head -c 100000 /dev/zero > big'], outputs: [big] }
  missing:
    description: Leaves nothing.
    on: app.page.clicked
    attempts_max: 1
    command: { run: ['true'], outputs: [nothing] }
  fails:
    description: Ends badly.
    on: app.page.clicked
    attempts_max: 1
    command: { run: [sh, -c, 'echo no >&2; exit 3'] }
  unknown:
    description: Is not there.
    on: app.page.clicked
    command: { run: [headwater-no-such-program] }
  floods:
    description: Says more than anybody reads.
    on: app.page.clicked
    command: { run: [sh, -c, 'head -c 50000000 /dev/zero'] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_program_sees_what_is_declared_and_leaves_what_is_declared() {
    let place = Place::new(Kind::Embedded(1)).await;
    let engine = place.open().await;
    engine.apply_topology(&topology(&place.world, EFFECTS)).await.unwrap();
    submit(&engine, vec![click(0)]).await;
    let rows = "select effect, state, attempt, status from log.effects order by 1";
    until(
        &engine,
        rows,
        &[
            "fails|failed|1|exit 3",
            "floods|succeeded|1|exit 0",
            "large|failed|1|exit 0",
            "missing|failed|1|exit 0",
            "scores|succeeded|1|exit 0",
            "unknown|failed|1|",
        ],
    )
    .await;
    let output =
        ask(&engine, "select output from log.effects where effect = 'scores'").await.remove(0);
    let output: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!((&output["stdout"], &output["stderr"]), (&"said\n".into(), &"complained\n".into()));
    let file = |name: &str| output["files"][name]["text"].as_str().unwrap();
    assert_eq!(file("scores.json"), r#""/p0""#);
    assert_eq!(output["inputs"]["click.json"], output["files"]["scores.json"]["sha256"]);
    let variables = file("env.txt").lines().filter_map(|line| line.split_once('='));
    let shells = ["PWD", "_", "SHLVL", "OLDPWD"];
    let names: Vec<_> =
        variables.map(|(name, _)| name).filter(|name| !shells.contains(name)).collect();
    assert_eq!(
        names,
        ["GREETING", "HEADWATER_EFFECT", "HEADWATER_EFFECT_ATTEMPT", "HEADWATER_EFFECT_KEY"]
    );
    assert!(!std::path::Path::new(file("where").trim()).exists(), "its folder is gone");
    assert!(is_empty(&place.dir.path().join("scratch/effects")));
    let why =
        ask(&engine, "select error from log.effects where error is not null order by effect").await;
    for (told, wanted) in
        why.iter().zip(["exit 3: no", "more than 65536 bytes", "no file nothing", "no program"])
    {
        assert!(told.contains(wanted), "{told}");
    }
    assert_eq!(why.len(), 4);
    engine.shutdown().await;
    place.replay().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_left_running_ends_with_it() {
    let place = Place::new(Kind::Embedded(1)).await;
    let pids = place.dir.path().join("pids");
    let line = |rest: &str| format!("sh -c \"echo \\$\\$ >> PIDS; exec sleep 4321\" & {rest}");
    let effects = format!(
        "
  hangs:
    description: Hangs, and its child with it.
    on: app.page.clicked
    timeout: 1s
    attempts_max: 1
    command: {{ run: [sh, -c, '{}'] }}
  leaves:
    description: Ends, and leaves a child that holds its streams.
    on: app.page.clicked
    attempts_max: 1
    command: {{ run: [sh, -c, '{}'] }}
",
        line("sleep 4322"),
        line("sleep 1"),
    )
    .replace("PIDS", pids.to_str().unwrap());
    let engine = place.open().await;
    engine.apply_topology(&topology(&place.world, &effects)).await.unwrap();
    submit(&engine, vec![click(0)]).await;
    until(&engine, STATES, &["hangs|failed|1", "leaves|succeeded|1"]).await;
    let started = std::fs::read_to_string(&pids).unwrap();
    assert_eq!(started.lines().count(), 2);
    for pid in started.lines() {
        let stat = format!("/proc/{pid}/stat");
        // A zombie runs no more; whoever adopted it has not looked yet.
        let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z"));
        wait("the child is gone", || !runs()).await;
    }
    engine.shutdown().await;
}
