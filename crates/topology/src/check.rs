//! From files to a checked topology: declarations first, then what they say of each other.

use std::collections::BTreeMap;

use crate::{
    derived_events::{DerivedEventDeclared, read_derived_event},
    effects::{EffectDeclared, read_effect},
    entities::{EntityDeclared, read_entity},
    event_types::{EventTypeDeclared, read_event_type},
    evolution::{Breaking, compatible, unreadable_versions},
    feature_views::{ViewDeclared, read_view},
    fields::{Fields, Given},
    limits::{
        DERIVED_EVENTS_MAX, EFFECTS_MAX, ENTITIES_MAX, EVENT_TYPES_MAX, FEATURE_VIEWS_MAX,
        PUBLICATIONS_MAX, SOURCES_MAX, TOPOLOGY_BYTES_MAX,
    },
    link::{Known, link_view},
    link_effects::{check_effect_circles, link_effect},
    link_flows::{check_circles, link_derived_event, link_publication},
    model::{EventType, FeatureView, Retention, Topology},
    paths::{default_schema_folder, schema_folder},
    problem::{Problem, Problems},
    publications::{PublicationDeclared, read_publication},
    retention::read_retention,
    schemas::{place_in, read_schemas},
    source::{At, SourceFile},
    sources::{SourceDeclared, link_source, read_source},
    yaml,
};

const SECTIONS: [&str; 8] = [
    "event_types",
    "entities",
    "feature_views",
    "retention",
    "derived_events",
    "publications",
    "sources",
    "effects",
];

/// Reads all YAML files among `files`, and the schemas that they ask for.
///
/// `reserved` says which built-in table a view's name would clash with, as in `tracking.runs`.
///
/// # Errors
/// Every problem of every file, by file and line.
pub fn check(
    files: &[SourceFile],
    reserved: &dyn Fn(&str) -> Option<String>,
) -> Result<Topology, Vec<Problem>> {
    let mut problems = Problems::default();
    let mut sorted: Vec<&SourceFile> = files.iter().collect();
    sorted.sort();
    let declared = Declared::read(&sorted, &mut problems);
    declared.check_counts(&mut problems);
    check_tables(&declared.views, reserved, &mut problems);

    let mut event_types = BTreeMap::new();
    for declared in &declared.event_types {
        let event_type = link_event_type(declared, &sorted, &mut problems);
        event_types.entry(declared.name.clone()).or_insert(event_type);
    }
    let entities = declared.entities.into_iter().map(|entity| (entity.name, entity.entity));
    let known = Known { event_types, entities: entities.collect(), complete: declared.complete };
    let views: BTreeMap<String, Option<FeatureView>> = declared
        .views
        .iter()
        .map(|view| (view.name.clone(), link_view(view, &known, &mut problems)))
        .collect();
    let derived_events = declared
        .derived_events
        .iter()
        .map(|derived| (derived.name.clone(), link_derived_event(derived, &known, &mut problems)));
    let derived_events: BTreeMap<_, _> = derived_events.collect();
    let publications = declared.publications.iter().map(|publication| {
        (publication.name.clone(), link_publication(publication, &known, &mut problems))
    });
    let publications: BTreeMap<_, _> = publications.collect();
    let sources: BTreeMap<_, _> = declared
        .sources
        .iter()
        .map(|source| {
            let written = publications.iter().filter_map(|(name, it)| Some((name, it.as_ref()?)));
            (source.name.clone(), link_source(source, &known, written, &mut problems))
        })
        .collect();
    let effects = declared.effects.iter();
    let effects = effects
        .map(|effect| (effect.name.clone(), link_effect(effect, &known, &mut problems)))
        .collect();
    let circles = problems.count();
    check_effect_circles(&declared.effects, &effects, &mut problems);
    if problems.count() == circles {
        check_circles(&declared.derived_events, &views, &effects, &mut problems);
    }

    let topology = Topology {
        event_types: whole(known.event_types),
        entities: whole(known.entities),
        feature_views: whole(views),
        retention: declared.retention.map(|(retention, _)| retention).unwrap_or_default(),
        derived_events: whole(derived_events),
        publications: whole(publications),
        sources: whole(sources),
        effects: whole(effects),
    };
    check_size(&topology, &sorted, &mut problems);
    if problems.is_empty() { Ok(topology) } else { Err(problems.into_sorted()) }
}

/// What is declared, before references are followed.
struct Declared<'a> {
    event_types: Vec<EventTypeDeclared<'a>>,
    entities: Vec<EntityDeclared<'a>>,
    views: Vec<ViewDeclared<'a>>,
    retention: Option<(Retention, At<'a>)>,
    derived_events: Vec<DerivedEventDeclared<'a>>,
    publications: Vec<PublicationDeclared<'a>>,
    sources: Vec<SourceDeclared<'a>>,
    effects: Vec<EffectDeclared<'a>>,
    complete: bool,
}

impl<'a> Declared<'a> {
    fn read(files: &[&'a SourceFile], problems: &mut Problems) -> Self {
        let mut declared = Self {
            event_types: Vec::new(),
            entities: Vec::new(),
            views: Vec::new(),
            retention: None,
            derived_events: Vec::new(),
            publications: Vec::new(),
            sources: Vec::new(),
            effects: Vec::new(),
            complete: true,
        };
        for file in files.iter().filter(|file| file.is_yaml()) {
            let Ok(node) = yaml::read(file, problems) else {
                declared.complete = false;
                continue;
            };
            let Some(node) = node else { continue };
            declared.read_file(&file.path, &node, files, problems);
        }
        declared.check_twice(problems);
        declared
    }

    fn read_file(
        &mut self,
        path: &'a str,
        node: &yaml::Node<'a>,
        files: &[&SourceFile],
        problems: &mut Problems,
    ) {
        if matches!(node.kind, yaml::Kind::Nothing) {
            return;
        }
        let what = "a topology file".to_owned();
        let Some(fields) = Fields::read(what, At::start_of(path), node, &SECTIONS, problems) else {
            self.complete = false;
            return;
        };
        for entry in fields.entries("event_types", problems) {
            self.event_types.push(read_event_type(entry, problems));
        }
        for entry in fields.entries("entities", problems) {
            self.entities.push(read_entity(entry, problems));
        }
        for entry in fields.entries("feature_views", problems) {
            self.views.push(read_view(entry, problems));
        }
        for entry in fields.entries("derived_events", problems) {
            self.derived_events.extend(read_derived_event(entry, problems));
        }
        for entry in fields.entries("publications", problems) {
            self.publications.extend(read_publication(entry, problems));
        }
        for entry in fields.entries("sources", problems) {
            self.sources.extend(read_source(entry, problems));
        }
        if let Some(entry) = fields.entry("retention") {
            self.read_retention(entry, problems);
        }
        for entry in fields.entries("effects", problems) {
            self.effects.push(read_effect(entry, files, problems));
        }
    }

    /// There is one for the whole topology.
    fn read_retention(&mut self, entry: &yaml::Entry<'a>, problems: &mut Problems) {
        if let Some((_, first)) = &self.retention {
            let message =
                format!("`retention` is declared twice, first at {}:{}", first.file, first.line);
            problems.add(entry.at, message, "keep one of them");
            return;
        }
        self.retention = read_retention(entry, problems).map(|retention| (retention, entry.at));
    }

    /// Within one file the reader of YAML sees it; this is for two files.
    fn check_twice(&mut self, problems: &mut Problems) {
        keep_first("event type", &mut self.event_types, |it| (&it.name, it.at), problems);
        keep_first("entity", &mut self.entities, |it| (&it.name, it.at), problems);
        keep_first("feature view", &mut self.views, |it| (&it.name, it.at), problems);
        let derived_events = &mut self.derived_events;
        keep_first("derived event", derived_events, |it| (&it.name, it.at), problems);
        keep_first("publication", &mut self.publications, |it| (&it.name, it.at), problems);
        keep_first("source", &mut self.sources, |it| (&it.name, it.at), problems);
        keep_first("effect", &mut self.effects, |it| (&it.name, it.at), problems);
    }

    fn check_counts(&self, problems: &mut Problems) {
        let event_types = self.event_types.get(EVENT_TYPES_MAX).map(|it| it.at);
        let entities = self.entities.get(ENTITIES_MAX).map(|it| it.at);
        let views = self.views.get(FEATURE_VIEWS_MAX).map(|it| it.at);
        let derived_events = self.derived_events.get(DERIVED_EVENTS_MAX).map(|it| it.at);
        let publications = self.publications.get(PUBLICATIONS_MAX).map(|it| it.at);
        let sources = self.sources.get(SOURCES_MAX).map(|it| it.at);
        let effects = self.effects.get(EFFECTS_MAX).map(|it| it.at);
        let found = [
            (sources, "sources", SOURCES_MAX),
            (derived_events, "derived events", DERIVED_EVENTS_MAX),
            (publications, "publications", PUBLICATIONS_MAX),
            (event_types, "event types", EVENT_TYPES_MAX),
            (entities, "entities", ENTITIES_MAX),
            (views, "feature views", FEATURE_VIEWS_MAX),
            (effects, "effects", EFFECTS_MAX),
        ];
        for (excess, what, max) in found {
            if let Some(at) = excess {
                let message = format!("from here on there are more than {max} {what}");
                problems.add(at, message, "split the topology between two logs");
            }
        }
    }
}

fn keep_first<T>(
    what: &str,
    declared: &mut Vec<T>,
    named: impl Fn(&T) -> (&String, At<'_>),
    problems: &mut Problems,
) {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    declared.retain(|one| {
        let (name, at) = named(one);
        let place = format!("{}:{}:{}", at.file, at.line, at.column);
        if let Some(other) = first.get(name) {
            let message = format!("{what} `{name}` is declared twice, first at {other}");
            problems.add(at, message, "keep one of them, or give them different names");
            return false;
        }
        first.insert(name.clone(), place);
        true
    });
}

/// A view `x` is read as the tables `x` and `x_history`.
fn check_tables(
    views: &[ViewDeclared<'_>],
    reserved: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) {
    let help = "choose another name: both would be found by the same word in SQL";
    for view in views {
        let ViewDeclared { name, at, .. } = view;
        let history = format!("{name}_history");
        if let Some(table) = reserved(name) {
            let message = format!("feature view `{name}` clashes with the table {table}");
            problems.add(*at, message, help);
        } else if let Some(table) = reserved(&history) {
            let message =
                format!("`{history}`, the view's history, clashes with the table {table}");
            problems.add(*at, message, help);
        }
        if let Some(other) = views.iter().find(|other| other.name == history) {
            let message = format!("feature view `{history}` clashes with the history of `{name}`");
            problems.add(other.at, message, help);
        }
    }
}

fn link_event_type(
    declared: &EventTypeDeclared<'_>,
    files: &[&SourceFile],
    problems: &mut Problems,
) -> Option<EventType> {
    let (folder, asked_at) = folder_of(declared, problems)?;
    let schemas = read_schemas(&folder, asked_at, files, problems)?;
    let mut upcasts = BTreeMap::new();
    for (version, (steps, at)) in &declared.upcasts {
        if schemas.contains_key(version) {
            upcasts.insert(*version, steps.clone());
            continue;
        }
        let message = format!("steps lead to v{version}, which has no schema");
        problems.add(*at, message, format!("write {folder}/v{version}.json, or leave them out"));
    }
    let event_type = EventType { description: declared.description.clone(), schemas, upcasts };
    for breaking in unreadable_versions(&declared.name, &event_type) {
        tell(&breaking, &folder, files, problems);
    }
    Some(event_type)
}

/// Where the schemas of a type lie, and where it is said.
fn folder_of<'a>(
    declared: &EventTypeDeclared<'a>,
    problems: &mut Problems,
) -> Option<(String, At<'a>)> {
    match &declared.schema {
        Given::Absent => Some((default_schema_folder(&declared.name), declared.at)),
        Given::Refused => None,
        Given::Value(target, at) => match schema_folder(declared.at.file, target) {
            Ok(folder) => Some((folder, *at)),
            Err(complaint) => {
                problems.complain(*at, complaint);
                None
            }
        },
    }
}

fn tell(breaking: &Breaking, folder: &str, files: &[&SourceFile], problems: &mut Problems) {
    let path = format!("{folder}/v{}.json", breaking.version);
    let at = match files.iter().find(|file| file.path == path) {
        Some(file) => place_in(file, &breaking.pointer),
        // The version is gone.
        None => At::start_of(&path),
    };
    problems.add(at, breaking.message.clone(), breaking.help.clone());
}

/// The folder in which the schemas of each declared event type lie.
pub fn schema_folders(files: &[SourceFile]) -> BTreeMap<String, String> {
    let mut unheard = Problems::default();
    let sorted: Vec<&SourceFile> = files.iter().collect();
    let declared = Declared::read(&sorted, &mut unheard);
    let folders = declared.event_types.iter().filter_map(|declared| {
        Some((declared.name.clone(), folder_of(declared, &mut Problems::default())?.0))
    });
    folders.collect()
}

/// What a topology that was read from `files` breaks of the one that holds: by file and line.
pub fn check_against(files: &[SourceFile], new: &Topology, holds: &Topology) -> Vec<Problem> {
    let folders = schema_folders(files);
    let sorted: Vec<&SourceFile> = files.iter().collect();
    let mut problems = Problems::default();
    for breaking in compatible(holds, new) {
        let folder = folders.get(&breaking.event_type).cloned();
        let folder = folder.unwrap_or_else(|| default_schema_folder(&breaking.event_type));
        tell(&breaking, &folder, &sorted, &mut problems);
    }
    problems.into_sorted()
}

fn check_size(topology: &Topology, files: &[&SourceFile], problems: &mut Problems) {
    let bytes = serde_json::to_vec(topology).map_or(usize::MAX, |json| json.len());
    if let Some(file) = files.first().filter(|_| bytes > TOPOLOGY_BYTES_MAX) {
        let message = format!("the whole topology has {bytes} bytes of JSON");
        let help = format!("{TOPOLOGY_BYTES_MAX} are allowed: it travels in one event");
        problems.add(At::start_of(&file.path), message, help);
    }
}

fn whole<T>(declared: BTreeMap<String, Option<T>>) -> BTreeMap<String, T> {
    declared.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
