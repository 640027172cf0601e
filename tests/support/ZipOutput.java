import java.io.BufferedOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Packs each folder below the first argument as java.util.zip does it: deflated, and stored. */
public class ZipOutput {
    public static void main(String[] arguments) throws Exception {
        try (Stream<Path> folders = Files.list(Path.of(arguments[0]))) {
            for (Path folder : folders.filter(Files::isDirectory).collect(Collectors.toList())) {
                write(folder, ZipEntry.DEFLATED);
                write(folder, ZipEntry.STORED);
            }
        }
    }

    private static void write(Path folder, int method) throws Exception {
        String ending = method == ZipEntry.STORED ? ".stored.zip" : ".deflated.zip";
        List<Path> files;
        try (Stream<Path> found = Files.list(folder)) {
            files = found.sorted().collect(Collectors.toList());
        }
        OutputStream file = Files.newOutputStream(Path.of(folder + ending));
        try (ZipOutputStream zip = new ZipOutputStream(new BufferedOutputStream(file))) {
            zip.setComment("by java.util.zip");
            zip.putNextEntry(new ZipEntry("folder/"));
            zip.closeEntry();
            for (Path each : files) {
                byte[] content = Files.readAllBytes(each);
                ZipEntry entry = new ZipEntry("folder/" + each.getFileName());
                entry.setMethod(method);
                if (method == ZipEntry.STORED) {
                    CRC32 crc = new CRC32();
                    crc.update(content);
                    entry.setSize(content.length);
                    entry.setCrc(crc.getValue());
                }
                zip.putNextEntry(entry);
                zip.write(content);
                zip.closeEntry();
            }
        }
    }
}
