// Read alarms in Node: npm install kafkajs; node consume.mjs kafka:9092 [PREFIX [COUNT]] prints each change of an alarm.
import { Kafka } from "kafkajs";

const [address, prefix = "", count = "Infinity"] = process.argv.slice(2);
const consumer = new Kafka({ brokers: [address], logLevel: 1 }).consumer({ groupId: `${prefix}my-alarms-node` });
let left = Number(count);
await consumer.connect();
await consumer.subscribe({ topic: `${prefix}alarms`, fromBeginning: true }); // committed records only, by default
await consumer.run({
  eachMessage: async ({ message }) => {
    const alarm = JSON.parse(message.value.toString());
    console.log(alarm.type, alarm.kind, alarm.severity, alarm.customer_id, alarm.at);
    if (--left === 0) setImmediate(async () => (await consumer.disconnect(), process.exit(0)));
  },
});
