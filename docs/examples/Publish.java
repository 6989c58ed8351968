import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Publishes events, one a line of standard input: java -cp 'kafka-clients.jar:...' Publish.java kafka:9092 [PREFIX].
 *
 * The key of a record is the customer, so the facts of one customer stay in their order. Of the JSON only the type and the customer are
 * needed; a program of your own has them before it writes the JSON.
 */
public class Publish {
    private static final Map<String, String> TOPICS = Map.of(
            "purchase", "purchases", "contact", "contacts", "complaint", "complaints", "alarm", "alarm-actions");
    private static final Pattern TYPE = Pattern.compile("\"type\"\\s*:\\s*\"([a-z]+)\\.");
    private static final Pattern CUSTOMER = Pattern.compile("\"customer_id\"\\s*:\\s*\"([^\"\\\\]*)\"");

    public static void main(String[] args) throws Exception {
        String prefix = args.length > 1 ? args[1] : "";
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("acks", "all");
        settings.put("enable.idempotence", "true");
        settings.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        settings.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        List<Future<?>> sent = new ArrayList<>();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings);
                BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                Matcher type = TYPE.matcher(line);
                Matcher customer = CUSTOMER.matcher(line);
                String topic = type.find() ? TOPICS.getOrDefault(type.group(1), "feedback") : "feedback";
                String key = customer.find() ? customer.group(1) : null; // an anonymous sale has none
                sent.add(producer.send(new ProducerRecord<>(prefix + topic, key, line)));
            }
            for (Future<?> one : sent) {
                one.get(); // throws if Kafka has not got it
            }
        }
    }
}
