//! A brand asset: the organization's logo, icon or background, as the console shows it.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use kernel::prelude::*;

use crate::picture;

/// What brand assets serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<BrandAsset>) -> KindBuilder<BrandAsset> {
    kind.also_at("views/themes/brand-assets")
        .without(&["clone"])
        .admit(looked_at)
        .download("content", "The picture; whoever is logged in may see it.", content)
        .open_to(OpenTo::Caller)
}

/// A picture of the organization's.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "brand-asset", prefix = "bra", scope = "organization")]
pub struct BrandAsset {
    /// What it is for; of several for one purpose the newest counts.
    #[field(indexed, example = "logo")]
    pub purpose: Purpose,
    /// What is said to those who do not see it.
    #[field(max = 200)]
    pub alt: Option<String>,
    /// The picture in base64 (RFC 4648): PNG, WebP, or an SVG without scripts. It is taken in and not given out here.
    #[field(max = 350000)]
    pub content: Option<String>,
    /// Its media type; found from its bytes.
    pub media: Option<String>,
    /// Its width in pixels, where it has one; found from its bytes.
    pub width: Option<u32>,
    /// Its height in pixels.
    pub height: Option<u32>,
    /// How many bytes it has.
    pub bytes: Option<u64>,
    /// Its bytes.
    pub blob: Option<Digest>,
}

/// What a picture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// The logo at the top.
    Logo,
    /// The logo on dark ground.
    LogoDark,
    /// The icon of the tab.
    Icon,
    /// Behind the page on which people log in.
    Background,
}

/// The most bytes a picture may have.
const BYTES_MAX: usize = 256 << 10;

/// Takes the picture in; what is said of it is found, not believed.
async fn looked_at(
    cx: Cx,
    mut it: Object<BrandAsset>,
    old: Option<Object<BrandAsset>>,
) -> Result<Object<BrandAsset>> {
    let Some(content) = it.spec.content.take() else {
        let Some(old) = old else {
            return Err(Error::invalid("missing-field", "`content` must be given").at("spec.content"));
        };
        let BrandAsset { purpose, alt, .. } = it.spec;
        it.spec = BrandAsset { purpose, alt, ..old.spec };
        return Ok(it);
    };
    let bytes = BASE64_STANDARD
        .decode(content.trim())
        .map_err(|_| Error::invalid("picture-refused", "this is no base64 (RFC 4648)").at("spec.content"))?;
    if bytes.len() > BYTES_MAX {
        let message = format!("{} bytes are too many for a picture", bytes.len());
        return Err(Error::too_large("too-long", message)
            .at("spec.content")
            .hint(format!("at most {BYTES_MAX} bytes are taken")));
    }
    let found = picture::read(&bytes).map_err(|error| error.at("spec.content"))?;
    it.spec.media = Some(found.media.to_owned());
    it.spec.width = found.size.map(|size| size.0);
    it.spec.height = found.size.map(|size| size.1);
    it.spec.bytes = Some(bytes.len() as u64);
    let digest = Digest::of(&bytes);
    if !cx.dry_run {
        cx.platform().blobs.put(bytes).await?;
    }
    it.spec.blob = Some(digest);
    Ok(it)
}

async fn content(cx: Cx, it: Object<BrandAsset>, _: Nothing) -> Result<Output> {
    let (Some(blob), Some(media)) = (it.spec.blob, it.spec.media) else {
        return Err(Error::internal("a brand asset without its picture"));
    };
    let end = media.trim_start_matches("image/").trim_end_matches("+xml").to_owned();
    let blobs = Arc::clone(&cx.platform().blobs);
    let bytes = Bytes::from(blobs.get(blob, BYTES_MAX as u64).await?);
    Ok(Output::Bytes {
        media,
        filename: Some(format!("{}.{end}", it.metadata.name)),
        bytes: Box::pin(futures::stream::once(std::future::ready(Ok(bytes)))),
    })
}
