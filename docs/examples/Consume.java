import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;

/** Prints the JSON of each change of an alarm: java -cp 'kafka-clients.jar:...' Consume.java kafka:9092 [PREFIX [COUNT]]. */
public class Consume {
    public static void main(String[] args) {
        String prefix = args.length > 1 ? args[1] : "";
        int left = args.length > 2 ? Integer.parseInt(args[2]) : Integer.MAX_VALUE;
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("group.id", prefix + "my-alarms-java"); // the same group goes on where it stopped
        settings.put("auto.offset.reset", "earliest");
        settings.put("isolation.level", "read_committed");
        settings.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        settings.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings)) {
            consumer.subscribe(List.of(prefix + "alarms"));
            while (left > 0) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    if (left-- > 0) {
                        System.out.println(record.value());
                    }
                }
                consumer.commitSync();
            }
        }
    }
}
