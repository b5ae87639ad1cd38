//! The model registry: models, versions, aliases.

use headwater_event::{Reason, Timestamp, catalog::names, payload};

use super::tracking::Run;
use crate::{Fold, FoldError, StoredRows, Value, table::table};

table! {
    /// One row a registered model.
    RegisteredModel in "registry"."registered_models" keyed by Key (
        /// Unique in the project.
        name: String,
    ) {
        /// What it is for.
        description: String,
        /// When it was registered.
        created_at: Timestamp,
        /// The number of its newest version, 0 before the first.
        latest_version: i64,
    }
}

table! {
    /// One row a version of a model.
    ModelVersion in "registry"."model_versions" keyed by Key (
        /// The model.
        name: String,
        /// Counted from 1 by the fold.
        version: i64,
    ) {
        /// The run that trained it.
        run_id: Option<String>,
        /// The artifact's path.
        artifact_path: String,
        /// The SHA-256 of the model's bytes, in hex.
        sha256: String,
        /// The model's length, in bytes.
        size_bytes: i64,
        /// What is particular about this version.
        description: String,
        /// When it was created.
        created_at: Timestamp,
    }
}

table! {
    /// Which version each alias names now.
    ModelAlias in "registry"."model_aliases" keyed by Key (
        /// The model.
        name: String,
        /// The alias.
        alias: String,
    ) {
        /// The version that it names.
        version: i64,
        /// The version that it named before.
        previous_version: Option<i64>,
        /// When it was set.
        set_at: Timestamp,
    }
}

/// Folds an event of this family; `false` if it is of another.
pub(crate) fn fold<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<bool, FoldError> {
    match fold.event.event_type.as_str() {
        names::REGISTERED_MODEL_CREATE_REQUESTED => create_model(fold)?,
        names::MODEL_VERSION_CREATE_REQUESTED => create_version(fold)?,
        names::MODEL_ALIAS_SET_REQUESTED => set_alias(fold)?,
        names::MODEL_ALIAS_REMOVE_REQUESTED => remove_alias(fold)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn create_model<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let request: payload::RegisteredModelCreateRequested = fold.payload()?;
    if fold.get::<RegisteredModel>(&[Value::Text(request.name.clone())])?.is_some() {
        return fold.refuse(Reason::Conflict, format!("model {:?} exists", request.name));
    }
    fold.put(&RegisteredModel {
        name: request.name.clone(),
        description: request.description,
        created_at: fold.event_time,
        latest_version: 0,
    });
    let fact = payload::RegisteredModelCreated { name: request.name };
    fold.fact(names::REGISTERED_MODEL_CREATED, &fact);
    Ok(())
}

fn create_version<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let request: payload::ModelVersionCreateRequested = fold.payload()?;
    let model = model(fold, &request.name)?;
    if let Some(run_id) = &request.run_id
        && fold.get::<Run>(&[Value::Text(run_id.clone())])?.is_none()
    {
        return fold.refuse(Reason::NotFound, format!("run {run_id:?} does not exist"));
    }
    let version = model.latest_version + 1;
    fold.put(&RegisteredModel { latest_version: version, ..model });
    fold.put(&ModelVersion {
        name: request.name.clone(),
        version,
        run_id: request.run_id,
        artifact_path: request.artifact.path,
        sha256: request.artifact.sha256.clone(),
        size_bytes: i64::try_from(request.artifact.size_bytes).unwrap_or(i64::MAX),
        description: request.description,
        created_at: fold.event_time,
    });
    let fact = payload::ModelVersionCreated {
        name: request.name,
        version,
        sha256: request.artifact.sha256,
    };
    fold.fact(names::MODEL_VERSION_CREATED, &fact);
    Ok(())
}

fn set_alias<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let request: payload::ModelAliasSetRequested = fold.payload()?;
    let model = model(fold, &request.name)?;
    if request.version > model.latest_version {
        let detail = format!("model {:?} has no version {}", request.name, request.version);
        return fold.refuse(Reason::NotFound, detail);
    }
    let key = [Value::Text(request.name.clone()), Value::Text(request.alias.clone())];
    let previous_version = fold.get::<ModelAlias>(&key)?.map(|alias| alias.version);
    if let Some(expected) = request.expected_version
        && expected != previous_version.unwrap_or(0)
    {
        let now = previous_version.map_or("not set".to_owned(), |v| format!("at version {v}"));
        let detail = format!(
            "alias {:?} of {:?} is {now}, expected version {expected}",
            request.alias, request.name
        );
        return fold.refuse(Reason::Conflict, detail);
    }
    fold.put(&ModelAlias {
        name: request.name.clone(),
        alias: request.alias.clone(),
        version: request.version,
        previous_version,
        set_at: fold.event_time,
    });
    let fact = payload::ModelAliasSet {
        name: request.name,
        alias: request.alias,
        version: request.version,
        previous_version,
    };
    fold.fact(names::MODEL_ALIAS_SET, &fact);
    Ok(())
}

fn remove_alias<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let request: payload::ModelAliasRemoveRequested = fold.payload()?;
    let key = [Value::Text(request.name.clone()), Value::Text(request.alias.clone())];
    let Some(alias) = fold.get::<ModelAlias>(&key)? else {
        let detail = format!("model {:?} has no alias {:?}", request.name, request.alias);
        return fold.refuse(Reason::NotFound, detail);
    };
    fold.remove::<ModelAlias>(&key);
    let fact = payload::ModelAliasRemoved {
        name: request.name,
        alias: request.alias,
        version: alias.version,
    };
    fold.fact(names::MODEL_ALIAS_REMOVED, &fact);
    Ok(())
}

fn model<R: StoredRows>(fold: &Fold<'_, R>, name: &str) -> Result<RegisteredModel, FoldError> {
    match fold.get::<RegisteredModel>(&[Value::Text(name.to_owned())])? {
        Some(model) => Ok(model),
        None => fold.refuse(Reason::NotFound, format!("model {name:?} is not registered")),
    }
}
