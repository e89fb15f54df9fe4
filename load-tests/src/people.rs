//! What simulated people say and where they live. Owns words only.

use anyhow::Result;
use hawker_protocol::object::Address;

use crate::api::{list, text};
use crate::chance::Chance;

const SENTENCES: &[&str] = &[
    "that colour is gorgeous",
    "does it come in blue?",
    "what size are you wearing?",
    "first time here, hello everyone",
    "hello from Lisbon",
    "can you show the back please",
    "I bought this last week and love it",
    "how long does shipping take?",
    "is the sale starting soon?",
    "ready!!",
    "just got one, thank you",
    "missed it again...",
    "please restock",
    "the sound is a bit low",
    "such a good price",
    "¿cuánto tarda el envío a Madrid?",
    "¡qué bonito!",
    "me encanta ese color",
    "ça taille grand ou petit ?",
    "magnifique, merci",
    "Gibt es das auch in Schwarz?",
    "sehr schön, gekauft",
    "この色かわいい",
    "サイズはMで大丈夫ですか",
    "好漂亮,什么时候开始",
    "已下单",
    "예뻐요",
    "قديش سعرها؟",
    "quanto custa o frete?",
    "linda demais",
    "сколько стоит доставка?",
    "is it machine washable?",
    "can I return it if it does not fit?",
    "love this show ❤",
];

const QUESTIONS: &[&str] = &[
    "Hello, is the lantern also good for the beach?",
    "My order has not arrived yet. Where is it?",
    "I ordered the wrong size, can I still change it?",
    "Do you ship to Norway, and what does it cost?",
    "The mug came with a chip, what shall I do?",
    "Is the jersey real wool? I cannot wear synthetics.",
    "Puis-je payer en deux fois ?",
    "Wann gibt es das Messer wieder?",
    "¿Tienen tienda en Barcelona?",
    "Can you send it as a present, without the bill?",
    "Which of the two lanterns is brighter?",
    "这件毛衣会起球吗?",
    "هل يمكنني تغيير العنوان؟",
    "I was charged twice, please have a look.",
];

const THANKS: &[&str] = &[
    "Thank you!",
    "That helps, thanks a lot.",
    "Great, I will take it then.",
    "Merci beaucoup !",
    "Ah, I see. And how long does it take?",
    "Perfect 👍",
];

const NAMES: &[&str] = &[
    "Ana", "Bruno", "Chen", "Dilara", "Emeka", "Fatima", "Goran", "Hana", "Ines", "Jonas", "Kofi",
    "Lena", "Minh", "Noor", "Olga", "Pablo", "Quinn", "Rosa", "Samir", "Tomoko", "Uma", "Vera",
    "Wei", "Ximena", "Yusuf", "Zoe",
];

pub(crate) fn sentence(chance: &mut Chance) -> &'static str {
    SENTENCES[chance.below(SENTENCES.len())]
}

/// What somebody asks a shop in its chat.
pub(crate) fn question(chance: &mut Chance) -> &'static str {
    QUESTIONS[chance.below(QUESTIONS.len())]
}

/// What he says to an answer.
pub(crate) fn thanks(chance: &mut Chance) -> &'static str {
    THANKS[chance.below(THANKS.len())]
}

pub(crate) fn name(chance: &mut Chance) -> &'static str {
    NAMES[chance.below(NAMES.len())]
}

pub(crate) fn address(name: &str) -> Result<Address> {
    Ok(Address {
        name: text(name)?,
        phone: text("+1 555 0100")?,
        lines: list(vec![text("1 Market Street")?])?,
        city: text("Springfield")?,
        postcode: text("12345")?,
        country: text("US")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_fits_into_a_comment() {
        let most = hawker_protocol::limits::COMMENT_CHARS_MAX;
        assert!(SENTENCES.iter().all(|sentence| sentence.chars().count() <= most));
        assert!(address("Ana").is_ok());
    }
}
