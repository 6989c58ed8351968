// Publish events from Node, one a line of standard input: npm install kafkajs; node publish.mjs kafka:9092 [PREFIX].
// The key of a record is the customer, so the facts of one customer stay in their order.
import { createInterface } from "node:readline";
import { Kafka, Partitioners } from "kafkajs";

const [address, prefix = ""] = process.argv.slice(2);
const topics = { purchase: "purchases", contact: "contacts", complaint: "complaints", alarm: "alarm-actions" };
const producer = new Kafka({ brokers: [address], logLevel: 1 }).producer({
  createPartitioner: Partitioners.DefaultPartitioner, // the one of Java, which Vigía expects
  idempotent: true,
});
await producer.connect();
for await (const line of createInterface({ input: process.stdin })) {
  const event = JSON.parse(line);
  const topic = prefix + (topics[event.type.split(".")[0]] ?? "feedback");
  await producer.send({ topic, acks: -1, messages: [{ key: event.customer_id ?? null, value: line }] });
}
await producer.disconnect();
