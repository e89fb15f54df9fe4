//! From the words of a scenario to commands of the desk and of its buyers. Owns what may be left
//! out; decides nothing.

use std::collections::BTreeMap;

use hawker_domain::Command;
use hawker_domain::command::{
    Attachment, ChatCommand, Content, DeskCommand, Faq, Holiday, Intent, Marks, TransferTo, Verdict,
};
use hawker_domain::policy::DeskPolicy;
use hawker_domain::time::Millis;
use serde_json::Value;

use crate::words::Words;

/// The command of the desk that `verb` means, if it means one.
pub(crate) fn command(verb: &str, words: &mut Words) -> Option<Command> {
    if let Some(command) = chat(verb, words) {
        return Some(Command::Chat(command));
    }
    let command = agent(verb, words);
    let command = command.or_else(|| session(verb, words)).or_else(|| conversation(verb, words));
    command.or_else(|| texts(verb, words)).map(Command::Desk)
}

fn named<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_value(text.into()).unwrap_or_else(|_| panic!("nothing is called {text}"))
}

pub(crate) fn intent(text: &str) -> Intent {
    named(text)
}

fn chat(verb: &str, words: &mut Words) -> Option<ChatCommand> {
    Some(match verb {
        "chat.send" => {
            let room = words.value("room");
            ChatCommand::Send { content: content(words), room }
        }
        "chat.faq" => {
            ChatCommand::ClickFaq { faq: words.id("question"), room: words.value("room") }
        }
        "chat.read" => ChatCommand::Mark { marks: marks(words) },
        "chat.typing" => ChatCommand::Typing,
        "chat.recall" => ChatCommand::Recall { seq: words.id("seq") },
        "chat.rate" => ChatCommand::Rate {
            session: words.id("session"),
            stars: words.id("stars"),
            comment: words.text("comment").unwrap_or_default(),
        },
        _ => return None,
    })
}

/// `TEXT`, or one of `emoji= image= video= product= order= coupon= quick_reply= question=`.
fn content(words: &mut Words) -> Content {
    if let Some(emoji) = words.text("emoji") {
        return Content::Emoji(emoji);
    }
    if let Some(upload) = words.value("image") {
        return Content::Image(attachment(upload, "image/png", words));
    }
    if let Some(upload) = words.value("video") {
        return Content::Video(attachment(upload, "video/mp4", words));
    }
    if let Some(product) = words.value("product") {
        return Content::Product(product);
    }
    if let Some(order) = words.value("order") {
        return Content::Order(order);
    }
    if let Some(coupon) = words.value("coupon") {
        return Content::Coupon(coupon);
    }
    if let Some(faq) = words.value("question") {
        return Content::Question { faq, text: String::new() };
    }
    if let Some(quick_reply) = words.value("quick_reply") {
        return Content::QuickReply { quick_reply, variables: variables(words) };
    }
    Content::Text(words.word("text").replace("\\n", "\n"))
}

fn attachment(upload: hawker_domain::id::UploadId, kind: &str, words: &mut Words) -> Attachment {
    Attachment {
        upload,
        media_type: words.text("kind").unwrap_or_else(|| kind.to_owned()),
        size_bytes: words.value("size").unwrap_or(1_000),
    }
}

/// `with=name:Ann,order:7`
fn variables(words: &mut Words) -> BTreeMap<String, String> {
    let text = words.text("with").unwrap_or_default();
    let pairs = text.split(',').filter_map(|pair| pair.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn marks(words: &mut Words) -> Marks {
    let read = words.id("seq");
    Marks { read, delivered: words.value("delivered").unwrap_or(0) }
}

fn agent(verb: &str, words: &mut Words) -> Option<DeskCommand> {
    Some(match verb {
        "desk.connect" => DeskCommand::Connect { connection: words.id("connection") },
        "desk.disconnect" => DeskCommand::Disconnect { connection: words.id("connection") },
        "desk.log_out" => DeskCommand::LogOut { confirmed: words.flag("confirmed") },
        "desk.status" => {
            let confirmed = words.flag("confirmed");
            let intent = intent(&words.word("intent"));
            DeskCommand::SetIntent { agent: words.value("agent"), intent, confirmed }
        }
        "desk.cap" => DeskCommand::SetCap { cap: words.id("cap"), agent: words.value("agent") },
        _ => return None,
    })
}

/// What concerns one session: `SESSION [epoch=1] …`
fn session(verb: &str, words: &mut Words) -> Option<DeskCommand> {
    let known = [
        "desk.take",
        "desk.assign",
        "desk.transfer",
        "desk.close",
        "desk.no_reply",
        "desk.report",
        "desk.verdict",
    ];
    if !known.contains(&verb) {
        return None;
    }
    let force = words.flag("force");
    let session = words.id("session");
    let epoch = words.value("epoch").unwrap_or(1);
    Some(match verb {
        "desk.take" => DeskCommand::Take { session, force },
        "desk.assign" => DeskCommand::Assign { session, epoch, agent: words.id("agent"), force },
        "desk.transfer" => {
            let word = words.word("an agent or queue");
            let to = match word.as_str() {
                "queue" => TransferTo::Queue,
                agent => TransferTo::Agent(words.parse(agent, "agent")),
            };
            DeskCommand::Transfer { session, epoch, to, force }
        }
        "desk.close" => DeskCommand::Close { session, epoch },
        "desk.no_reply" => DeskCommand::MarkNoReply { session, epoch },
        "desk.report" => {
            let report = words.id("report");
            let reason = words.next().unwrap_or_else(|| "abuse".to_owned());
            DeskCommand::Report { session, report, reason }
        }
        _ => {
            let report = words.id("report");
            let verdict: Verdict = named(&words.word("verdict"));
            DeskCommand::Decide { session, report, verdict }
        }
    })
}

fn conversation(verb: &str, words: &mut Words) -> Option<DeskCommand> {
    Some(match verb {
        "desk.send" => DeskCommand::Send { buyer: words.id("buyer"), content: content(words) },
        "desk.read" => DeskCommand::Mark { buyer: words.id("buyer"), marks: marks(words) },
        "desk.typing" => DeskCommand::Typing { buyer: words.id("buyer") },
        "desk.recall" => DeskCommand::Recall { buyer: words.id("buyer"), seq: words.id("seq") },
        "desk.note" => DeskCommand::AddNote {
            buyer: words.id("buyer"),
            note: words.id("note"),
            text: words.word("text"),
        },
        "desk.tag" => {
            let buyer = words.id("buyer");
            let tags = words.next().unwrap_or_default();
            let tags = tags.split(',').filter(|tag| !tag.is_empty());
            DeskCommand::SetTags { buyer, tags: tags.map(str::to_owned).collect() }
        }
        "buyer.block" => DeskCommand::Block { buyer: words.id("buyer") },
        "buyer.unblock" => DeskCommand::Unblock { buyer: words.id("buyer") },
        _ => return None,
    })
}

fn texts(verb: &str, words: &mut Words) -> Option<DeskCommand> {
    Some(match verb {
        "faq.put" => {
            let faq = words.id("question");
            let question = words.word("what is asked");
            DeskCommand::PutFaq { faq, entry: Faq { question, answer: words.word("the answer") } }
        }
        "faq.remove" => DeskCommand::RemoveFaq { faq: words.id("question") },
        "faq.card" => {
            let questions = words.next().unwrap_or_default();
            DeskCommand::SetFaqCard { questions: words.list(&questions, "question") }
        }
        "quick_reply.put" => {
            let quick_reply = words.id("quick reply");
            DeskCommand::PutQuickReply { quick_reply, text: words.word("text") }
        }
        "quick_reply.remove" => {
            DeskCommand::RemoveQuickReply { quick_reply: words.id("quick reply") }
        }
        "shop.holiday" => DeskCommand::SetHoliday { holiday: holiday(words) },
        "desk.policy" => DeskCommand::SetPolicy { policy: policy(words) },
        _ => return None,
    })
}

/// `off`, or `[from=TIME] [until=TIME]`
fn holiday(words: &mut Words) -> Option<Holiday> {
    if words.flag("off") {
        return None;
    }
    let from = words.time("from").unwrap_or(Millis(0));
    Some(Holiday { from, until: words.time("until") })
}

/// The defaults with what the line says instead; spans are written as times, sets as lists.
fn policy(words: &mut Words) -> DeskPolicy {
    let mut value = serde_json::to_value(DeskPolicy::default()).expect("a policy is JSON");
    for (key, text) in words.take_pairs() {
        value[&key] = match text.as_str() {
            "yes" => true.into(),
            "no" => false.into(),
            _ if key == "excludes" || key == "automation_counts" => {
                text.split(',').filter(|part| !part.is_empty()).collect::<Vec<_>>().into()
            }
            _ => number(&text, &key, words),
        };
    }
    serde_json::from_value(value).expect("a policy that exists")
}

fn number(text: &str, key: &str, words: &Words) -> Value {
    if let Ok(number) = text.parse::<u64>() {
        return number.into();
    }
    if key.ends_with("_ms") { words.parse_span(text).0.into() } else { text.into() }
}
