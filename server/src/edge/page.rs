//! The viewer's page at `/`, the streamer's studio at `/studio` and the console of the staff at
//! `/desk`: files that are part of the binary. Owns how they are served, not what is in them; needs no token and knows no shop.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

/// A file of a page: its path, its type, its text.
type File = (&'static str, &'static str, &'static str);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const FILES: [File; 34] = [
    ("/", HTML, include_str!("../../web/index.html")),
    ("/page.css", CSS, include_str!("../../web/page.css")),
    ("/page.js", SCRIPT, include_str!("../../web/page.js")),
    ("/draw.js", SCRIPT, include_str!("../../web/draw.js")),
    ("/room.js", SCRIPT, include_str!("../../web/room.js")),
    ("/chat-panel.js", SCRIPT, include_str!("../../web/chat-panel.js")),
    ("/desk", HTML, include_str!("../../web/desk.html")),
    ("/desk.css", CSS, include_str!("../../web/desk.css")),
    ("/desk-page.js", SCRIPT, include_str!("../../web/desk-page.js")),
    ("/desk-draw.js", SCRIPT, include_str!("../../web/desk-draw.js")),
    ("/desk-talk.js", SCRIPT, include_str!("../../web/desk-talk.js")),
    ("/desk-about.js", SCRIPT, include_str!("../../web/desk-about.js")),
    ("/desk-office.js", SCRIPT, include_str!("../../web/desk-office.js")),
    ("/desk.js", SCRIPT, include_str!("../../web/desk.js")),
    ("/studio", HTML, include_str!("../../web/studio.html")),
    ("/studio.css", CSS, include_str!("../../web/studio.css")),
    ("/studio-page.js", SCRIPT, include_str!("../../web/studio-page.js")),
    ("/studio-draw.js", SCRIPT, include_str!("../../web/studio-draw.js")),
    ("/studio.js", SCRIPT, include_str!("../../web/studio.js")),
    ("/promo.css", CSS, include_str!("../../web/promo.css")),
    ("/promo-panel.js", SCRIPT, include_str!("../../web/promo-panel.js")),
    ("/promo-draw.js", SCRIPT, include_str!("../../web/promo-draw.js")),
    ("/promo.js", SCRIPT, include_str!("../../web/promo.js")),
    ("/dialog.js", SCRIPT, include_str!("../../web/dialog.js")),
    ("/chat.css", CSS, include_str!("../../web/chat.css")),
    ("/chat.js", SCRIPT, include_str!("../../web/chat.js")),
    ("/chat-draw.js", SCRIPT, include_str!("../../web/chat-draw.js")),
    ("/composer.js", SCRIPT, include_str!("../../web/composer.js")),
    ("/elements.js", SCRIPT, include_str!("../../web/elements.js")),
    ("/link.js", SCRIPT, include_str!("../../web/link.js")),
    ("/tokens.js", SCRIPT, include_str!("../../web/tokens.js")),
    ("/topics.js", SCRIPT, include_str!("../../web/topics.js")),
    ("/uploads.js", SCRIPT, include_str!("../../web/uploads.js")),
    ("/icon.svg", SVG, include_str!("../../web/icon.svg")),
];

/// Whatever a comment may smuggle in, the browser runs these files only.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/// The pages and their files, to merge into the public router.
pub fn router() -> Router {
    FILES.into_iter().fold(Router::new(), |router, file @ (path, _, _)| {
        router.route(path, get(async move || serve(file)))
    })
}

fn serve((_, content_type, text): File) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::{Request, StatusCode};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    #[tokio::test]
    async fn every_file_comes_with_its_type_and_the_policy() {
        for (path, content_type, text) in FILES {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let response = router().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let header = |name| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
            assert_eq!(header(CONTENT_TYPE), content_type, "{path}");
            assert_eq!(header(CACHE_CONTROL), "no-cache", "{path}");
            assert_eq!(header(X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
            let policy = header(CONTENT_SECURITY_POLICY);
            assert!(policy.starts_with("default-src 'self'; connect-src 'self' ws: wss:"));
            assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, text, "{path}");
        }
    }

    #[test]
    fn no_page_has_what_the_policy_forbids() {
        let pages = FILES.into_iter().filter(|(_, content_type, _)| *content_type == HTML);
        for (path, _, page) in pages {
            for forbidden in ["<style", " style=", "javascript:", " onclick=", " onload=", "//cdn"]
            {
                assert!(!page.contains(forbidden), "{path} has {forbidden}");
            }
            let scripts = page.matches("<script").count();
            assert_eq!(scripts, page.matches("<script type=\"module\" src=\"/").count(), "{path}");
        }
    }

    #[test]
    fn what_others_wrote_is_never_markup() {
        let markup = ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("];
        for (path, _, text) in FILES {
            for way in markup {
                assert!(!text.contains(way), "{path} has {way}");
            }
        }
    }

    #[test]
    fn whatever_the_page_asks_for_is_served() {
        let served = |path: &str| FILES.iter().any(|(known, _, _)| *known == path);
        for (file, _, text) in FILES {
            let linked =
                ["href=\"", "src=\""].into_iter().flat_map(|mark| text.split(mark).skip(1));
            let linked = linked.filter_map(|rest| rest.split('"').next());
            let imported =
                text.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next());
            for path in linked.map(str::to_owned).chain(imported.map(|name| format!("/{name}"))) {
                assert!(served(&path), "{file} asks for {path}");
            }
        }
    }
}
