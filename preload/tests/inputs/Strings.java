import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;

/** Threads, maps, and direct buffers, which come from malloc. */
public class Strings {
    public static void main(String[] args) throws Exception {
        List<Thread> threads = new ArrayList<>();
        long[] sums = new long[4];
        for (int t = 0; t < 4; t++) {
            int seed = t + 3;
            threads.add(new Thread(() -> {
                Map<String, String> map = new HashMap<>();
                for (int i = 0; i < 50000; i++) map.merge("k" + i * seed % 9973, "v" + i, String::concat);
                CRC32 crc = new CRC32();
                map.keySet().stream().sorted().forEach(key -> crc.update(map.get(key).getBytes()));
                for (int i = 0; i < 200; i++) crc.update(ByteBuffer.allocateDirect(100 + i * 100).put(5, (byte) i));
                sums[seed - 3] = crc.getValue();
            }));
        }
        for (Thread thread : threads) thread.start();
        for (Thread thread : threads) thread.join();
        for (long sum : sums) System.out.println(sum);
    }
}
