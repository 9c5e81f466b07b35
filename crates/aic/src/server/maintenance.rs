//! While the platform is in maintenance, changes by others than its administrators are refused at the door of every face.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, Response},
    middleware::Next,
};
use base::Result;
use face_web::{Web, caller, problem};
use kernel::access::Question;

/// What is asked by POST and changes nothing, by the last segment of its path; and logging in, without
/// which no administrator could end the maintenance.
const HARMLESS: [&str; 9] =
    ["predict", "explain", "infer", "search", "filter", "check", "validate", "login", "logout"];

/// Refuses changes while maintenance lasts.
pub async fn guard(State(web): State<Web>, request: Request, next: Next) -> Response<Body> {
    if !changes(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    // A body cannot be lent to two threads, so only the headers are.
    let headers = request.headers().clone();
    match refused(&web, &headers).await {
        Ok(None) => next.run(request).await,
        Ok(Some(error)) | Err(error) => problem::response(&error, &caller::request_id(&web, &headers)),
    }
}

fn changes(method: &Method, path: &str) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    // The Open Inference Protocol predicts, and changes nothing.
    let predicts_or_logs_in = ["/v2/models/", "/oauth2/"].iter().any(|start| path.starts_with(start));
    let is_harmless =
        *method == Method::POST && (HARMLESS.contains(&last) || predicts_or_logs_in || predicts(path));
    !reads && !is_harmless
}

/// Whether a path is one under which other protocols predict or look: gRPC's, MLflow's and KServe's.
fn predicts(path: &str) -> bool {
    if let Some(method) = path.strip_prefix("/inference.GRPCInferenceService/") {
        return !method.ends_with("load") && !method.ends_with("Load");
    }
    let kserve =
        path.starts_with("/v1/models/") && (path.ends_with(":predict") || path.ends_with(":explain"));
    kserve || path.ends_with("/invocations") || path == "/v2/repository/index"
}

/// The refusal, if there is one.
async fn refused(web: &Web, headers: &HeaderMap) -> Result<Option<base::Error>> {
    let Some(maintenance) = domain_operations::maintenance::state(&web.platform).await? else {
        return Ok(None);
    };
    let question = Question::new("admin.maintenance.update", "", "");
    if let Some(principal) = caller::principal(web, headers).await?
        && web.platform.decide(&principal, &question).await?.allowed
    {
        return Ok(None);
    }
    Ok(Some(domain_operations::maintenance::refused(&maintenance, web.platform.now())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_and_what_predicts_goes_on() {
        for (method, path, expected) in [
            (Method::GET, "/api/v1/catalog/models", false),
            (Method::POST, "/api/v1/catalog/models", true),
            (Method::DELETE, "/api/v1/catalog/models/search", true),
            (Method::PUT, "/api/v1/catalog/models/churn", true),
            (Method::POST, "/api/v1/catalog/endpoints/churn/predict", false),
            (Method::POST, "/v2/models/churn/infer", false),
            (Method::POST, "/v2/repository/index", false),
            (Method::POST, "/v2/repository/models/churn/unload", true),
            (Method::POST, "/inference.GRPCInferenceService/ModelInfer", false),
            (Method::POST, "/inference.GRPCInferenceService/RepositoryModelUnload", true),
            (Method::POST, "/v1/models/churn:predict", false),
            (Method::POST, "/endpoints/churn/invocations", false),
            (Method::POST, "/api/v1/admin/auth/login", false),
            (Method::POST, "/oauth2/token", false),
            (Method::PATCH, "/apis/catalog.aic.dev/v1/namespaces/default/models/churn", true),
        ] {
            assert_eq!(changes(&method, path), expected, "{method} {path}");
        }
    }
}
