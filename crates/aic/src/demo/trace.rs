//! The end of the story: from the answer back to the rows, who did what, and where to go on.

use serde_json::{Value, json};

use super::{NAME, Story};
use crate::{
    client::Ask,
    failure::{Failure, Result},
    output::text,
};

/// From the endpoint back to the bytes of the table, as the journal has it.
pub fn lineage(story: &mut Story) -> Result<()> {
    let path = format!("/api/v1/catalog/endpoints/{NAME}/lineage");
    let graph = story.cx.client.json(Ask::get(path).with("direction", "upstream"))?;
    let nodes = graph["nodes"].as_array().cloned().unwrap_or_default();
    let node = |kind: &str| nodes.iter().find(|node| node["kind"] == kind);
    story.cx.out.line("6. from an answer back to its rows:")?;
    let mut found = true;
    for kind in [
        "catalog.endpoints",
        "catalog.model-versions",
        "catalog.runs",
        "catalog.dataset-versions",
        "catalog.datasets",
    ] {
        let Some(node) = node(kind) else {
            found = false;
            continue;
        };
        let blob = node.pointer("/blobs/blob").and_then(Value::as_str);
        let blob = blob.map_or_else(String::new, |digest| format!("  blob {}…", &digest[..12]));
        story.cx.out.line(&format!(
            "   {:<26} {:<28} journal {:>4}{blob}",
            kind,
            text(node, "name"),
            node["position"].as_u64().unwrap_or(0),
        ))?;
    }
    story.claims.note("the lineage leads from the endpoint to the dataset", found);
    let seen = node("catalog.dataset-versions").and_then(|node| node.pointer("/blobs/blob").cloned());
    let named = story.version.pointer("/spec/datasetDigest").cloned();
    story
        .claims
        .note("the lineage ends at the digest the model version names", seen.is_some() && seen == named);
    Ok(())
}

/// Who did what.
pub fn audit(story: &mut Story) -> Result<()> {
    let list = story.cx.client.json(Ask::get("/api/v1/admin/audit").with("limit", 1000))?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    story.cx.out.line(&format!("   audit: {} entries, the latest about this job:", items.len()))?;
    let about = items.iter().filter(|item| {
        item["kind"].as_str().is_some_and(|kind| kind.starts_with("catalog.")) && item["verb"] != "progress"
    });
    for item in about.take(6) {
        story.cx.out.line(&format!(
            "   {:>4}  {:<22} {:<10} {} {}",
            item["position"].as_u64().unwrap_or(0),
            text(item, "actor"),
            text(item, "verb"),
            text(item, "kind"),
            text(item, "name"),
        ))?;
    }
    let verdict = story.cx.client.json(Ask::call("/api/v1/admin/audit/verify").json(&json!({})))?;
    let unbroken = verdict.get("firstBad").is_none_or(Value::is_null);
    let entries = verdict["entries"].as_u64().unwrap_or(0);
    story.cx.out.line(&format!(
        "   the chain of {entries} entries is {}",
        if unbroken { "unbroken" } else { "BROKEN" }
    ))?;
    story.claims.note("the journal's chain is unbroken", unbroken && entries > 0);
    Ok(())
}

/// Where to go on.
pub fn onward(story: &mut Story, url: &str, data_dir: &std::path::Path) -> Result<()> {
    let kubeconfig = data_dir.join("kubeconfig");
    let config =
        story.cx.client.send(Ask::get("/api/v1/system/kubeconfig").accept("application/yaml"))?.text()?;
    crate::config::write_private(&kubeconfig, config.as_bytes())
        .map_err(|error| Failure::file(kubeconfig.display(), &error))?;
    let row = story.version.pointer("/spec/inputExample").cloned().unwrap_or_default();
    let key = &story.caller_key;
    let out = &mut story.cx.out;
    out.line("7. go on:")?;
    out.line(&format!("   console    {url}/"))?;
    out.line(&format!("   reference  {url}/docs"))?;
    out.line(&format!("   login      aic login --url {url} --username admin"))?;
    out.line(&format!("   kubectl    kubectl --kubeconfig {} get models,endpoints", kubeconfig.display()))?;
    out.line(&format!(
        "   curl       curl -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n              \
         {url}/api/v1/catalog/endpoints/{NAME}/predict -d '{}'",
        json!({"rows": [row]})
    ))?;
    out.line(&format!(
        "   python     import requests; print(requests.post(\"{url}/api/v1/catalog/endpoints/{NAME}/predict\", \
         headers={{\"Authorization\": \"Bearer {key}\"}}, json={{\"rows\": [{{}}]}}).json())"
    ))
}
