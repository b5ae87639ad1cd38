//! The kind `command`: a program in a folder of its own, which is gone when it ends.
//!
//! It sees the files and variables that are declared for it and no others of the server's environment, runs
//! in a process group of its own, and that group is killed at its end, whatever is left of it.

use std::{
    io::Read as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use headwater_topology::{CommandEffect, CommandInput};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Map, Value, json};
use tokio::{
    io::AsyncRead,
    process::{Child, Command},
};

use super::{kinds::Call, outcome::Ended, output, secrets::Secrets};

/// What is kept of each of the program's two streams.
const STREAM_BYTES_MAX: usize = 8 * 1024;
/// The declared files together: they travel in an event.
const FILES_BYTES_MAX: usize = 64 * 1024;
/// How long the streams of a dead group are waited for: a process that left the group may hold them.
const STREAMS_WAIT: Duration = Duration::from_secs(2);

/// Runs the program.
pub(super) async fn run(dir: &Path, call: &Call, command: &CommandEffect) -> Ended {
    let mut secrets = Secrets::default();
    let folder = match Folder::new(dir, call, command) {
        Ok(folder) => folder,
        Err(error) => return Ended::failed(format!("the program's folder: {error}")),
    };
    let child = match start(&folder, call, command, &mut secrets) {
        Ok(child) => child,
        Err(ended) => return ended,
    };
    let ended = wait(child, &folder, command).await;
    Ended {
        error: ended.error.map(|error| secrets.hide(&error)),
        output: secrets.hide_in(ended.output),
        ..ended
    }
}

/// The program's folder; removed with this.
struct Folder {
    path: PathBuf,
    /// The SHA-256 of each file that it begins with.
    given: Map<String, Value>,
}

impl Folder {
    fn new(dir: &Path, call: &Call, command: &CommandEffect) -> std::io::Result<Self> {
        let path = dir.join(format!("{}-{}", call.key, call.attempt));
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        let mut folder = Self { path, given: Map::new() };
        for (name, input) in &command.inputs {
            let text = match input {
                CommandInput::Text(text) => text.clone(),
                CommandInput::Event(part) => {
                    let value = call.input.get(part.name()).unwrap_or(&Value::Null);
                    headwater_event::canonical_text(value)
                }
            };
            std::fs::write(folder.path.join(name), &text)?;
            let hash = Value::String(output::sha256(text.as_bytes()));
            folder.given.insert(name.clone(), hash);
        }
        Ok(folder)
    }

    /// The declared files, by name and content.
    fn outputs(&self, command: &CommandEffect) -> Result<Map<String, Value>, Ended> {
        let mut files = Map::new();
        let mut room = FILES_BYTES_MAX;
        for name in &command.outputs {
            let path = self.path.join(name);
            let is_file = std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            if !is_file {
                return Err(Ended::failed(format!("the program left no file {name}")));
            }
            let limit = u64::try_from(room).unwrap_or(0).saturating_add(1);
            let mut bytes = Vec::new();
            let read = std::fs::File::open(&path)
                .and_then(|file| file.take(limit).read_to_end(&mut bytes));
            read.map_err(|error| Ended::failed(format!("the file {name}: {error}")))?;
            room = room.checked_sub(bytes.len()).ok_or_else(|| {
                Ended::refused(format!(
                    "with {name} the program's files have more than {FILES_BYTES_MAX} bytes: let it \
                     put large things elsewhere and name them"
                ))
            })?;
            files.insert(name.clone(), output::file(&bytes));
        }
        Ok(files)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "a program's folder stays behind");
        }
    }
}

/// The program's process group; killed with this.
struct Group(Option<Pid>);

impl Group {
    fn kill(&mut self) {
        if let Some(leader) = self.0.take() {
            // A group without processes is what is wanted.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

fn start(
    folder: &Folder,
    call: &Call,
    declared: &CommandEffect,
    secrets: &mut Secrets,
) -> Result<(Child, Group), Ended> {
    let Some((program, arguments)) = declared.run.split_first() else {
        return Err(Ended::refused("no program is declared"));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&folder.path)
        .env_clear()
        .env("HEADWATER_EFFECT", &call.effect)
        .env("HEADWATER_EFFECT_KEY", &call.key)
        .env("HEADWATER_EFFECT_ATTEMPT", call.attempt.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for (name, value) in &declared.env {
        command.env(name, secrets.resolve(value).map_err(Ended::refused)?);
    }
    let child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ended::refused(format!(
            "there is no program {program}: name it with its whole path, or declare PATH in env"
        )),
        _ => Ended::failed(format!("failed to start {program}: {error}")),
    })?;
    let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    Ok((child, Group(leader)))
}

async fn stream(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    match from {
        Some(from) => output::kept(from, STREAM_BYTES_MAX).await,
        None => Vec::new(),
    }
}

async fn wait(
    (mut child, mut group): (Child, Group),
    folder: &Folder,
    command: &CommandEffect,
) -> Ended {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let streams = async { tokio::join!(stream(out), stream(err)) };
    tokio::pin!(streams);
    let mut read = None;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            both = &mut streams, if read.is_none() => read = Some(both),
        }
    };
    // What it has started and left behind ends with it.
    group.kill();
    let (stdout, stderr) = match read {
        Some(both) => both,
        None => tokio::time::timeout(STREAMS_WAIT, streams).await.unwrap_or_default(),
    };
    let status = match status {
        Ok(status) => status,
        Err(error) => return Ended::failed(format!("the program's end: {error}")),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut output = json!({
        "exit_code": status.code(),
        "stdout": text(&stdout),
        "stderr": text(&stderr),
        "inputs": folder.given,
    });
    if !status.success() {
        let told = match status.code() {
            Some(code) => format!("exit {code}"),
            None => "killed".to_owned(),
        };
        let last = text(&stderr).lines().next_back().unwrap_or_default().to_owned();
        let ended = Ended::failed(format!("the program ended with {told}: {last}"));
        return ended.with_status(told).with_output(output);
    }
    match folder.outputs(command) {
        Ok(files) => {
            if let Some(fields) = output.as_object_mut() {
                fields.insert("files".to_owned(), Value::Object(files));
            }
            Ended::done(output).with_status("exit 0")
        }
        Err(ended) => ended.with_status("exit 0").with_output(output),
    }
}
