//! What searches cost where there are tens of thousands of experiments, registered models, versions and logged models,
//! asked as MLflow's client asks.

#![allow(clippy::print_stdout)]

use std::{
    io::{Error, Result},
    thread,
    time::Instant,
};

use benches::{
    client::{Client, request},
    figures::{at_most, percentile, tell},
    server::Server,
};
use serde_json::{Value, json};

/// How many there are of each sort.
const COUNT: usize = 20_000;
/// How many connections make them.
const MAKERS: usize = 16;
/// How often each search is asked.
const TRIES: usize = 7;
const API: &str = "/api/2.0/mlflow";

/// A connection, and who asks.
struct Asker {
    client: Client,
    token: String,
}

impl Asker {
    fn ask(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.client.json(&request("POST", &format!("{API}/{path}"), &self.token, Some(body)))
    }
}

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let server = Server::start(directory.path())?;
    let token = server.login()?;
    let experiment = fill(&server, &token)?;
    let before = server.pss_mib()?;
    tell("memory with all of them (PSS)", before, "MiB");
    let mut asker = Asker { client: server.client()?, token };
    first_pages(&server, &mut asker, &experiment)?;
    all_pages(&mut asker, &experiment)?;
    at_most("memory that searching took", server.pss_mib()? - before, 100.0, "MiB");
    Ok(())
}

/// The first hundred of each search.
fn first_pages(server: &Server, asker: &mut Asker, experiment: &str) -> Result<()> {
    let (experiments, models, versions, logged) =
        ("experiments/search", "registered-models/search", "model-versions/search", "logged-models/search");
    let searches = [
        (experiments, json!({})),
        (experiments, json!({"order_by": ["name"]})),
        (experiments, json!({"filter": "name = 'Thing 7'"})),
        (experiments, json!({"filter": "name LIKE '%1999%'"})),
        (experiments, json!({"filter": "tags.k = '7'"})),
        (experiments, json!({"order_by": ["last_update_time DESC"]})),
        (models, json!({})),
        (models, json!({"filter": "name ILIKE '%1999%'"})),
        (models, json!({"filter": "tags.k = '7'"})),
        (versions, json!({})),
        (versions, json!({"filter": "name = 'Thing 7'"})),
        (versions, json!({"order_by": ["creation_timestamp DESC"]})),
        (logged, json!({})),
        (logged, json!({"order_by": [{"field_name": "name"}]})),
        (logged, json!({"filter": "params.k = '7'"})),
    ];
    for (path, mut body) in searches {
        let name = format!("{} {body}", path.trim_end_matches("/search"));
        body["max_results"] = 100.into();
        if path == logged {
            body["experiment_ids"] = json!([experiment]);
        }
        let (mut times, cpu) = (Vec::new(), server.cpu_s()?);
        for _ in 0..TRIES {
            let asked = Instant::now();
            asker.ask(path, &body)?;
            times.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        tell(&format!("{name}, processor"), (server.cpu_s()? - cpu) / TRIES as f64 * 1e3, "ms");
        tell(&format!("{name}, p50"), percentile(&mut times, 0.5), "ms");
    }
    Ok(())
}

/// All of each sort, page by page: none is left out.
fn all_pages(asker: &mut Asker, experiment: &str) -> Result<()> {
    let kinds = [
        ("experiments", "experiments"),
        ("registered-models", "registered_models"),
        ("model-versions", "model_versions"),
        ("logged-models", "models"),
    ];
    for (name, field) in kinds {
        let mut body = json!({"max_results": 1_000});
        if name == "logged-models" {
            body["experiment_ids"] = json!([experiment]);
        }
        let (asked, mut seen) = (Instant::now(), 0);
        loop {
            let page = asker.ask(&format!("{name}/search"), &body)?;
            seen += page[field].as_array().map_or(0, Vec::len);
            let Some(next) = page["next_page_token"].as_str().filter(|next| !next.is_empty()) else { break };
            body["page_token"] = next.into();
        }
        tell(&format!("{name}, all by pages of 1,000"), asked.elapsed().as_secs_f64(), "s");
        if seen < COUNT {
            return Err(Error::other(format!("{seen} of {COUNT} {name} were found")));
        }
    }
    Ok(())
}

/// Makes all of them; answers the experiment of the logged models.
fn fill(server: &Server, token: &str) -> Result<String> {
    let began = Instant::now();
    let one = json!({"name": "of logged models"});
    let made = server.create(token, &format!("{API}/experiments/create"), &one)?;
    let experiment = made["experiment_id"].as_str().unwrap_or_default().to_owned();
    let makers: Vec<_> = (0..MAKERS)
        .map(|maker| {
            let (address, token, experiment) = (server.address, token.to_owned(), experiment.clone());
            thread::spawn(move || -> Result<()> {
                let mut client = Client::open(address)?;
                for number in (maker..COUNT).step_by(MAKERS) {
                    let (name, tags) = (format!("Thing {number}"), json!([{"key": "k", "value": number.to_string()}]));
                    for (path, body) in [
                        ("experiments/create", json!({"name": name, "tags": tags})),
                        ("registered-models/create", json!({"name": name, "tags": tags})),
                        ("model-versions/create", json!({"name": name, "source": "s3://bucket/model"})),
                        ("logged-models", json!({"experiment_id": experiment, "name": format!("thing-{number}"), "params": tags})),
                    ] {
                        client.json(&request("POST", &format!("{API}/{path}"), &token, Some(&body)))?;
                    }
                }
                Ok(())
            })
        })
        .collect();
    for maker in makers {
        maker.join().map_err(|_| Error::other("a maker panicked"))??;
    }
    tell("made of each sort", COUNT as f64, "");
    tell("making them", began.elapsed().as_secs_f64(), "s");
    Ok(experiment)
}
