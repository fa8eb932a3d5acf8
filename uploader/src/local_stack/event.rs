//! Messages as Lambda hands them to a function.

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// The event of a batch of messages from the queue with this ARN.
pub(super) fn event(messages: &[Message], queue_arn: &str) -> Value {
    let region = queue_arn.split(':').nth(3).unwrap_or_default();
    let records = messages.iter().map(|message| {
        let attributes = message.attributes.iter().flatten();
        let attributes: Map<_, _> = attributes.map(|(name, value)| (name.as_str().to_owned(), json!(value))).collect();
        let others = message.message_attributes.iter().flatten();
        let others: Map<_, _> = others.map(|(name, value)| (name.clone(), attribute(value))).collect();
        json!({
            "messageId": message.message_id(),
            "receiptHandle": message.receipt_handle(),
            "body": message.body().unwrap_or_default(),
            "attributes": attributes,
            "messageAttributes": others,
            "md5OfBody": message.md5_of_body(),
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            "awsRegion": region,
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

fn attribute(value: &MessageAttributeValue) -> Value {
    let mut attribute = json!({"stringListValues": [], "binaryListValues": [], "dataType": value.data_type()});
    if let Some(text) = value.string_value() {
        attribute["stringValue"] = json!(text);
    }
    if let Some(bytes) = value.binary_value() {
        attribute["binaryValue"] = json!(STANDARD.encode(bytes));
    }
    attribute
}

/// How often a message has been received.
pub(super) fn receives(message: &Message) -> u32 {
    let name = aws_sdk_sqs::types::MessageSystemAttributeName::ApproximateReceiveCount;
    let count = message.attributes.as_ref().and_then(|attributes| attributes.get(&name));
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageSystemAttributeName;

    use super::*;

    #[test]
    fn an_event_looks_like_lambdas() {
        let message = Message::builder()
            .message_id("059f36b4")
            .receipt_handle("AQEB")
            .body("{}")
            .md5_of_body("99914b932bd37a50b983c5e7c90ae93b")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "2")
            .attributes(MessageSystemAttributeName::SentTimestamp, "1545082649183")
            .message_attributes(
                "kind",
                MessageAttributeValue::builder().data_type("String").string_value("x").build().unwrap(),
            )
            .build();
        let found = event(std::slice::from_ref(&message), "arn:aws:sqs:us-east-2:123456789012:my-queue");
        let expected = json!({"Records": [{
            "messageId": "059f36b4",
            "receiptHandle": "AQEB",
            "body": "{}",
            "attributes": {"ApproximateReceiveCount": "2", "SentTimestamp": "1545082649183"},
            "messageAttributes":
                {"kind": {"stringValue": "x", "stringListValues": [], "binaryListValues": [], "dataType": "String"}},
            "md5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
            "awsRegion": "us-east-2",
        }]});
        assert_eq!(found, expected);
        assert_eq!((receives(&message), receives(&Message::builder().build())), (2, 1));
    }
}
