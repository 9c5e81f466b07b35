//! Scorers: objects of `catalog.scorers`, one for each version.

use base::Digest;
use kernel::{cx::Cx, literal, object::Raw};
use serde_json::{Value, json};

use crate::{
    Asked,
    ask::Ask,
    checks, experiments,
    fault::{Fault, Result},
    nothing,
    objects::{self, EXPERIMENTS, Trash},
};

const SCORERS: &str = "catalog.scorers";
/// How often a number is looked for that nobody takes at the same moment.
const TRIES: u32 = 100;

/// Answers what is asked of scorers.
pub async fn answer(asked: &Asked) -> Result<Option<Value>> {
    let (cx, ask) = (&asked.cx, &asked.ask);
    let (method, path) = asked.way();
    let value = match (method, path.as_slice()) {
        ("POST", ["scorers", "register"]) => register(cx, ask).await?,
        ("GET", ["scorers", "list"]) => list(cx, ask).await?,
        ("GET", ["scorers", "versions"]) => {
            let (experiment, all) = named(cx, ask, "list").await?;
            json!({"scorers": all.iter().map(|it| shown(&experiment, it)).collect::<Vec<_>>()})
        }
        ("GET", ["scorers", "get"]) => {
            let (experiment, all) = named(cx, ask, "get").await?;
            let wanted = ask.whole("version")?;
            let found = match wanted {
                Some(wanted) => all.iter().find(|it| i64::try_from(number(it)) == Ok(wanted)),
                None => all.last(),
            };
            let it = found.ok_or_else(|| missing(ask.text("name").ok().flatten().unwrap_or_default()))?;
            json!({"scorer": shown(&experiment, it)})
        }
        ("DELETE", ["scorers", "delete"]) => delete(cx, ask).await?,
        ("GET", ["scorers", "online-configs"]) => online_configs(cx, ask).await?,
        ("PUT", ["scorers", "online-config"]) => set_online_config(cx, ask).await?,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn missing(name: &str) -> Fault {
    Fault::missing(format!("Scorer with name '{name}' not found"))
}

fn number(it: &Raw) -> u64 {
    it.spec.get("number").and_then(Value::as_u64).unwrap_or(0)
}

/// One id for all versions of a scorer.
fn id_of(experiment: &Raw, title: &str) -> String {
    let digest = Digest::of(format!("{}\0{title}", experiment.metadata.uid).as_bytes()).to_string();
    format!("{}-{}-{}-{}-{}", &digest[..8], &digest[8..12], &digest[12..16], &digest[16..20], &digest[20..32])
}

/// The versions of a scorer, oldest first, in the trash, too, if that is asked.
async fn versions(cx: &Cx, experiment: &Raw, title: &str, trash: Trash) -> Result<Vec<Raw>> {
    let filter = format!(
        "spec.experiment = {} AND spec.title = {}",
        literal(&experiment.metadata.name),
        literal(title)
    );
    let mut all = objects::list(cx, SCORERS, &filter, Trash::Without).await?;
    if trash == Trash::With {
        all.extend(objects::list(cx, SCORERS, &filter, Trash::Only).await?);
    }
    all.sort_by_key(number);
    Ok(all)
}

async fn named(cx: &Cx, ask: &Ask, verb: &str) -> Result<(Raw, Vec<Raw>)> {
    let (experiment, name) = (ask.required("experiment_id")?, ask.required("name")?);
    objects::may(cx, SCORERS, verb, "").await?;
    let experiment = experiments::active(cx, experiment, "get").await?;
    let all = versions(cx, &experiment, name, Trash::Without).await?;
    if all.is_empty() { Err(missing(name)) } else { Ok((experiment, all)) }
}

async fn register(cx: &Cx, ask: &Ask) -> Result<Value> {
    let (experiment, name) = (ask.required("experiment_id")?, ask.required("name")?);
    let serialized = ask.required("serialized_scorer")?;
    checks::length("name", name, 256)?;
    if name.trim().is_empty() {
        return Err(Fault::invalid("Scorer name cannot be empty or contain only whitespace."));
    }
    let parsed: Option<Value> = serde_json::from_str(serialized).ok();
    if !parsed.is_some_and(|it| it.is_object()) {
        return Err(Fault::invalid("serialized_scorer must be valid JSON"));
    }
    objects::may(cx, SCORERS, "create", "").await?;
    let experiment = experiments::active(cx, experiment, "get").await?;
    let mut tries = 0;
    let it = loop {
        let known = versions(cx, &experiment, name, Trash::With).await?;
        let next = known.last().map_or(1, |it| number(it) + 1);
        let spec = json!({"experiment": experiment.metadata.name, "title": name, "number": next, "serialized": serialized});
        match objects::create(cx, SCORERS, &format!("{}.{next}", id_of(&experiment, name)), spec).await {
            Err(fault) if fault.code == "RESOURCE_ALREADY_EXISTS" && tries < TRIES => tries += 1,
            other => {
                let uid = other?;
                let it = objects::living(cx, SCORERS, &uid).await?;
                break it.ok_or_else(|| missing(name))?;
            }
        }
    };
    Ok(json!({
        "version": number(&it),
        "scorer_id": id_of(&experiment, name),
        "experiment_id": experiment.metadata.uid,
        "name": name,
        "serialized_scorer": serialized,
        "creation_time": objects::created_ms(&it),
    }))
}

async fn list(cx: &Cx, ask: &Ask) -> Result<Value> {
    objects::may(cx, SCORERS, "list", "").await?;
    let one = ask.given("experiment_id")?;
    let mut ids = ask.texts("experiment_ids")?;
    if one.is_some() && !ids.is_empty() {
        return Err(Fault::invalid("Cannot specify both 'experiment_id' and 'experiment_ids'."));
    }
    ids.extend(one.map(str::to_owned));
    let experiments = if ids.is_empty() {
        objects::list(cx, EXPERIMENTS, "", Trash::Without).await?
    } else {
        let mut all = Vec::new();
        for id in ids {
            all.push(experiments::active(cx, &id, "get").await?);
        }
        all
    };
    let all = objects::list(cx, SCORERS, "", Trash::Without).await?;
    let mut latest: Vec<(&Raw, &Raw)> = Vec::new();
    for it in &all {
        let own = experiments
            .iter()
            .find(|experiment| objects::text(it, "experiment") == Some(&experiment.metadata.name));
        let Some(experiment) = own else { continue };
        let same = |(_, other): &&mut (&Raw, &Raw)| {
            ["experiment", "title"]
                .iter()
                .all(|field| objects::text(other, field) == objects::text(it, field))
        };
        match latest.iter_mut().find(same) {
            Some((_, other)) if number(other) < number(it) => *other = it,
            Some(_) => {}
            None => latest.push((experiment, it)),
        }
    }
    latest.sort_by_key(|(_, it)| objects::text(it, "title").map(str::to_owned));
    let shown: Vec<Value> = latest.iter().map(|(experiment, it)| shown(experiment, it)).collect();
    Ok(if shown.is_empty() { nothing() } else { json!({"scorers": shown}) })
}

async fn delete(cx: &Cx, ask: &Ask) -> Result<Value> {
    let (_, mut all) = named(cx, ask, "delete").await?;
    if let Some(wanted) = ask.whole("version")? {
        all.retain(|it| i64::try_from(number(it)) == Ok(wanted));
        if all.is_empty() {
            return Err(missing(ask.required("name")?));
        }
    }
    for it in all {
        objects::delete(cx, SCORERS, it.metadata.uid.as_str()).await?;
    }
    Ok(nothing())
}

/// How scorers are to judge traces by themselves, of those scorers of which that was told.
async fn online_configs(cx: &Cx, ask: &Ask) -> Result<Value> {
    objects::may(cx, SCORERS, "get", "").await?;
    let ids = ask.texts("scorer_ids")?;
    if ids.is_empty() {
        ask.required("scorer_ids")?;
    }
    let mut all = objects::list(cx, SCORERS, "", Trash::Without).await?;
    all.sort_by_key(|it| std::cmp::Reverse(number(it)));
    let mut configs: Vec<Value> = Vec::new();
    for it in all.iter().filter(|it| it.spec.get("online").is_some_and(|online| !online.is_null())) {
        let Some(experiment) =
            objects::living(cx, EXPERIMENTS, objects::text(it, "experiment").unwrap_or_default()).await?
        else {
            continue;
        };
        let id = id_of(&experiment, objects::text(it, "title").unwrap_or_default());
        if ids.contains(&id) && !configs.iter().any(|config| config["scorer_id"] == id.as_str()) {
            configs.push(online(&experiment, it));
        }
    }
    Ok(json!({"configs": configs}))
}

fn online(experiment: &Raw, it: &Raw) -> Value {
    let told = it.spec.get("online").cloned().unwrap_or_default();
    let mut shown = json!({
        "online_scoring_config_id": told["id"],
        "scorer_id": id_of(experiment, objects::text(it, "title").unwrap_or_default()),
        "sample_rate": told["rate"],
        "experiment_id": experiment.metadata.uid,
    });
    if let Some(filter) = told.get("filter").filter(|filter| !filter.is_null()) {
        shown["filter_string"] = filter.clone();
    }
    shown
}

/// The endpoint of MLflow's gateway whose model a scorer asks, if it asks one.
fn gateway_endpoint(serialized: &str) -> Option<String> {
    let mut scorer: Value = serde_json::from_str(serialized).ok()?;
    while let Some(judge) = scorer.get_mut("memory_augmented_judge_data") {
        scorer = judge["base_judge"].take();
    }
    let sorts =
        ["instructions_judge_pydantic_data", "builtin_scorer_pydantic_data", "third_party_scorer_data"];
    let model = sorts.iter().find_map(|sort| scorer[*sort]["model"].as_str())?;
    Some(model.strip_prefix("gateway:/")?.trim_start_matches('/').to_owned())
}

/// Notes how a scorer is to judge traces by itself. Nothing runs scorers here, so the only rate there can be is 0.
async fn set_online_config(cx: &Cx, ask: &Ask) -> Result<Value> {
    ask.required("experiment_id")?;
    let name = ask.required("name")?;
    let rate = ask.raw("sample_rate").ok_or_else(|| {
        Fault::invalid("Missing value for required parameter 'sample_rate'. See the API docs for more information about request parameters.")
    })?;
    let rate = crate::ask::number(rate).ok_or_else(|| crate::ask::wrong("sample_rate", rate))?;
    if !(0.0..=1.0).contains(&rate) {
        return Err(Fault::invalid(format!("sample_rate must be between 0.0 and 1.0, got {rate}")));
    }
    let filter = ask.given("filter_string")?;
    crate::grammar::filter(filter.unwrap_or_default())?;
    let (experiment, all) = named(cx, ask, "update").await?;
    let it = all.last().ok_or_else(|| missing(name))?;
    if rate > 0.0 {
        if let Some(endpoint) = gateway_endpoint(objects::text(it, "serialized").unwrap_or_default()) {
            return Err(Fault::missing(format!("GatewayEndpoint not found (name='{endpoint}')")));
        }
        return Err(Fault::invalid(format!(
            "Scorer '{name}' does not use a gateway model. Automatic evaluation is only supported for scorers that use gateway models."
        )));
    }
    let id: String = cx.random::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    let told = json!({"online": {"id": id, "rate": rate, "filter": filter}});
    objects::patch(cx, SCORERS, it.metadata.uid.as_str(), told).await?;
    let it = objects::living(cx, SCORERS, it.metadata.uid.as_str()).await?.ok_or_else(|| missing(name))?;
    Ok(json!({"config": online(&experiment, &it)}))
}

/// A scorer as MLflow shows it. Its message has room for a number only where the experiment's id would stand.
fn shown(experiment: &Raw, it: &Raw) -> Value {
    let title = objects::text(it, "title").unwrap_or_default();
    json!({
        "scorer_name": title,
        "scorer_version": number(it),
        "serialized_scorer": objects::text(it, "serialized").unwrap_or_default(),
        "creation_time": objects::created_ms(it),
        "scorer_id": id_of(experiment, title),
    })
}
