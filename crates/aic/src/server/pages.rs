//! The pages of the error codes, one each: what a problem's `type` leads to.

use axum::{
    body::Body,
    extract::Path,
    http::{HeaderValue, Response, header},
};
use face_web::problem;
use include_dir::{Dir, include_dir};

static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../errors");

/// `GET /errors/{code}`
pub async fn error(Path(code): Path<String>) -> Response<Body> {
    let Some(page) = PAGES.get_file(format!("{code}.md")) else {
        return problem::response(
            &base::Error::not_found("no-such-operation", "there is no error of this code")
                .hint("`/docs` shows every operation"),
            "",
        );
    };
    let mut response = Response::new(Body::from(page.contents()));
    let media = HeaderValue::from_static("text/markdown; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// Every code and the first sentence of its page, in order.
pub fn all() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = PAGES
        .files()
        .filter_map(|file| {
            let code = file.path().file_stem()?.to_str()?.to_owned();
            let text = file.contents_utf8()?;
            let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'))?;
            (code != "README" && file.path().extension()? == "md").then(|| (code, first.trim().to_owned()))
        })
        .collect();
    all.sort();
    all
}
