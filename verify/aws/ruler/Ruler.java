import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;

/**
 * Matches events with event-ruler, EventBridge's own engine. Each line of input is {"pattern": "…", "event": "…"}, both as
 * JSON text. Each line of output is match, no, or error with a description.
 */
public final class Ruler {
  public static void main(String[] arguments) throws Exception {
    ObjectMapper mapper = new ObjectMapper();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      JsonNode pair = mapper.readTree(line);
      out.println(answer(pair.get("pattern").asText(), pair.get("event").asText()));
    }
    out.flush();
  }

  private static String answer(String pattern, String event) {
    try {
      Machine machine = Machine.builder().build();
      machine.addRule("rule", pattern);
      return machine.rulesForJSONEvent(event).isEmpty() ? "no" : "match";
    } catch (Exception | StackOverflowError e) {
      return "error " + String.valueOf(e.getMessage()).replace('\n', ' ');
    }
  }
}
