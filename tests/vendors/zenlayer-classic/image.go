package main
import (
"encoding/base64"
"fmt"
"io/ioutil"
"net/http"
"os"
"strings"
)
const (
YOUR_API_KEY = "sk-123456789012345678901234567890123456789012345678"
FILE_MIME_TYPE = "image/jpeg"
FILE_PATH = "/path/to/your/image.jpeg"
REQUEST_PAYLOAD = `{
"model": "claude-sonnet-4-20250514",
"messages": [{
"role": "user",
"content": [{
"type": "text",
"text": "这张图片里有什么?"
},
{
"type": "image_url",
"image_url": {
"url": "data:%s;base64,%s"
}
}
]
}],
"temperature": 0.7,
"max_tokens": 1024
}`
)
func GetFileDataBase64(filePath string) (string, error) {
file, err := os.Open(FILE_PATH)
if err != nil {
return "", err
}
defer file.Close()
fileData, err := ioutil.ReadAll(file)
if err != nil {
return "", err
}
return base64.StdEncoding.EncodeToString(fileData), nil
}
func main() {
requestURL := "https://gateway.theturbo.ai/v1/chat/completions"
requestMethod := "POST"
fileBase64String, err := GetFileDataBase64(FILE_PATH)
if err != nil {
fmt.Println("Read file failed, err: ", err)
return
}
requestPayload := strings.NewReader(fmt.Sprintf(REQUEST_PAYLOAD,
FILE_MIME_TYPE,
fileBase64String,
))
req, err := http.NewRequest(requestMethod, requestURL, requestPayload)
if err != nil {
fmt.Println("Create request failed, err: ", err)
return
}
req.Header.Add("Content-Type", "application/json")
req.Header.Add("Accept", "application/json")
req.Header.Add("Authorization", "Bearer "+YOUR_API_KEY)
client := &http.Client{}
resp, err := client.Do(req)
if err != nil {
fmt.Println("Do request failed, err: ", err)
return
}
defer resp.Body.Close()
respBodyBytes, err := ioutil.ReadAll(resp.Body)
if err != nil {
fmt.Println("Read response body failed, err: ", err)
return
}
fmt.Println(string(respBodyBytes))
}
