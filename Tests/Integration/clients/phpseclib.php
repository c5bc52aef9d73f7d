<?php
// phpseclib 3. The words of the command line are done in one session.
require 'phpseclib3/autoload.php';

use phpseclib3\Crypt\PublicKeyLoader;
use phpseclib3\Net\SFTP;

set_error_handler(function ($code, $text) {
    fwrite(STDERR, "$text\n");
    exit(1);
});

function must($done, $what)
{
    global $sftp;
    if ($done === false) {
        fwrite(STDERR, "$what: " . $sftp->getLastSFTPError() . "\n");
        exit(1);
    }
    return $done;
}

function put($local, $remote)
{
    global $sftp;
    must($sftp->put($remote, $local, SFTP::SOURCE_LOCAL_FILE), "put $remote");
}

// RESUME alone finds where to go on there; where to go on here must be said.
function resume($local, $remote)
{
    global $sftp;
    $arrived = must($sftp->filesize($remote), "size of $remote");
    must($sftp->put($remote, $local, SFTP::SOURCE_LOCAL_FILE | SFTP::RESUME, -1, $arrived), "put $remote");
}

function tree($folder, $remote)
{
    global $sftp;
    if (!$sftp->is_dir($remote)) {
        must($sftp->mkdir($remote), "mkdir $remote");
    }
    foreach (array_diff(scandir($folder), ['.', '..']) as $name) {
        if (is_dir("$folder/$name")) {
            tree("$folder/$name", "$remote/$name");
        } else {
            put("$folder/$name", "$remote/$name");
        }
    }
}

$sftp = new SFTP(getenv('GATE_HOST'), (int) getenv('GATE_PORT'));
$key = getenv('GATE_KEY');
$secret = $key ? PublicKeyLoader::load(file_get_contents($key)) : getenv('GATE_PASSWORD');
must($sftp->login(getenv('GATE_USER'), $secret), 'login');

$words = array_slice($argv, 1);
while ($words) {
    switch (array_shift($words)) {
        case 'put':
            put(array_shift($words), array_shift($words));
            break;
        case 'many':
            foreach (glob(array_shift($words) . '/*') as $file) {
                put($file, basename($file));
            }
            break;
        case 'tree':
            $folder = array_shift($words);
            tree($folder, basename($folder));
            break;
        case 'deliver':
            [$local, $temporary, $final] = array_splice($words, 0, 3);
            put($local, $temporary);
            must($sftp->rename($temporary, $final), "rename $temporary");
            break;
        case 'resume':
            resume(array_shift($words), array_shift($words));
            break;
        case 'check':
            [$local, $remote] = array_splice($words, 0, 2);
            must($sftp->filesize($remote) === filesize($local), "check $remote");
            break;
    }
}
$sftp->disconnect();
