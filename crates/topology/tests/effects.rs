//! Effects: how they are declared, and each problem that they can have.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use headwater_topology::{CommandInput, Effect, EffectInput, EffectKind, EffectTrigger, check};
use support::{SCHEMA, assert_told, file, problems};

const TYPES: &str = "event_types:\n  a.b:\n    description: x\n";

fn declared(effect: &str) -> Effect {
    let text = format!("{TYPES}effects:\n  e:\n    description: x\n{effect}");
    let files = [
        file("topology/t.yaml", &text),
        file("schemas/a.b/v1.json", SCHEMA),
        file("scripts/score.py", "print(1)\n"),
    ];
    check(&files, &|_| None).unwrap().effects.remove("e").unwrap()
}

#[test]
fn a_call_a_query_and_a_program_are_declared() {
    let call = declared(
        "    on: a.b
    when: { /note: [web, 7], /paid: true }
    http:
      url: https://example.com/${env:PATH_SECRET}
      headers: { Authorization: 'Bearer ${file:/run/token}' }
      body: /lines/0
      allow_private: true
    deadline: 10m
    attempts_max: 7
    backoff: { first: 2s, factor: 3, max: 5m }
    timeout: 10s
    concurrency_max: 2
",
    );
    let EffectTrigger::On { when, .. } = &call.trigger else { panic!() };
    assert_eq!(when["/note"], ["web", "7"]);
    assert_eq!(when["/paid"], ["true"]);
    let EffectKind::Http(http) = &call.kind else { panic!() };
    assert_eq!((&*http.method, &http.body), ("POST", &Some(EffectInput::At("/lines/0".into()))));
    assert_eq!(http.headers["authorization"], "Bearer ${file:/run/token}");
    assert_eq!((call.limits.attempts_max, call.limits.backoff_factor), (7, 3));
    assert_eq!(call.limits.deadline_ms, 600_000);

    let query = declared("    every: 1h\n    sql: select 1 as x\n");
    assert_eq!(query.trigger, EffectTrigger::Every { every_ms: 3_600_000 });

    let program = declared(
        "    on: a.b
    command:
      run: [python3, score.py]
      inputs: { score.py: { file: scripts/score.py }, a.txt: { text: hello }, data.json: data }
      outputs: [scores.json]
      env: { PATH: /usr/bin }
",
    );
    let EffectKind::Command(command) = &program.kind else { panic!() };
    assert_eq!(command.inputs["score.py"], CommandInput::Text("print(1)\n".into()));
    assert_eq!(command.inputs["data.json"], CommandInput::Event(EffectInput::Data));
    assert_eq!(program.inputs(), [&EffectInput::Data]);
    assert_ne!(program.hash(), declared("    every: 1h\n    sql: select 1 as x\n").hash());
}

/// What is wrong with an effect whose keys begin in line 4.
fn wrong(effect: &str) -> Vec<String> {
    let text = format!("{TYPES}effects:\n  e:\n    description: x\n{effect}");
    problems(&[file("t.yaml", &text), file("schemas/a.b/v1.json", SCHEMA)])
        .into_iter()
        .map(|told| told.split_once(": ").unwrap().1.to_owned())
        .collect()
}

#[test]
fn each_problem_is_told() {
    let http = "    http: { url: 'https://example.com/' }\n";
    assert_eq!(wrong(http), ["effect `e` says not when it is done"]);
    assert_eq!(wrong("    on: a.b\n"), ["effect `e` says not what is done"]);
    let both = format!("    on: a.b\n    every: 1h\n{http}");
    assert_eq!(wrong(&both), ["effect `e` is done on events and by the clock at once"]);
    let twice = format!("    on: a.b\n    sql: select 1\n{http}");
    assert_eq!(wrong(&twice), ["effect `e` does two things at once"]);
    let unknown = format!("    on: a.c\n    result: a.d\n{http}");
    assert_eq!(
        wrong(&unknown),
        [
            "effect `e` waits for an unknown event type",
            "effect `e` has a result of an unknown type",
        ]
    );
    let own = format!("    on: headwater.effect.completed\n{http}");
    assert_eq!(wrong(&own), ["effect `e` waits for an event of the log's own work"]);
    let place = format!("    on: a.b\n    when: {{ /nothing: x }}\n{http}");
    assert_eq!(wrong(&place), ["nothing can be at `/nothing`: the data has no property `nothing`"]);
    let tries = format!("    on: a.b\n    attempts_max: 1000\n{http}");
    assert_eq!(wrong(&tries), ["`attempts_max` of effect `e` is `1000`"]);
    for (url, why) in [
        ("ftp://x/", "is not a URL"),
        ("https://user@x/", "does not name its host plainly"),
        ("https://${env:HOST}/", "does not name its host plainly"),
        ("https://x/${env}", "names no secret"),
        ("https://x/#y", "has spaces or a fragment"),
    ] {
        let told = wrong(&format!("    on: a.b\n    http: {{ url: '{url}' }}\n"));
        assert!(told.len() == 1 && told[0].contains(why), "{url}: {told:?}");
    }
    let header = "    on: a.b\n    http: { url: 'https://x/', headers: { Host: y } }\n";
    assert_eq!(wrong(header), ["`Host` is no header to declare"]);
    let by_clock = "    every: 1h\n    http: { url: 'https://x/', body: event }\n";
    assert_eq!(wrong(by_clock), ["effect `e` is done by the clock and has no event"]);
    let files = "    on: a.b\n    command: { run: [x], inputs: { ../x: data, y: { file: z } } }\n";
    assert_eq!(wrong(files), ["`../x` is not the name of a file", "there is no file `z`"]);
    assert_eq!(
        wrong("    on: a.b\n    command: { outputs: [y] }\n"),
        ["`command` of effect `e` needs `run`, of 1 to 64 words"]
    );
}

#[test]
fn effects_whose_results_cause_each_other_are_refused() {
    let text = "event_types:
  a.b:
    description: x
effects:
  one: { description: x, on: a.b, sql: select 1, result: a.b }
";
    assert_told(text, &["topology/t.yaml:5:3: the result of effect `one` causes itself"]);
}
